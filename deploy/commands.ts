import { type Command, Option } from 'commander';
import { ask } from '../cli/ask.ts';
import { CliError } from '../cli/errors.ts';
import type { PlaceFlags } from '../cli/installation/place.ts';
import type { Terminal } from '../cli/terminal.ts';
import { apply } from './apply.ts';
import { requireReady } from './checks.ts';
import { destroy } from './destroy.ts';
import type { InstallationSpec } from './installation.ts';
import { completeFlags, forgetInstallation, rememberInstallation } from './installationFile.ts';
import { type Options, readOptions } from './options.ts';
import type { DataFlag } from './plan.ts';
import { rollBack } from './rollback.ts';
import { scriptOf } from './script.ts';
import { serviceResources } from './serviceResource.ts';
import { Shell } from './shell.ts';
import { sourceDigest } from './sourceDigest.ts';
import { reportStatus } from './status.ts';
import { selected, type Selection, stepsOf } from './steps.ts';
import { reportDeployment } from './summary.ts';

interface DeployOptions extends Options, Selection, PlaceFlags {
  readonly dryRun?: true;
  readonly rebuild?: true;
  readonly rollback?: true;
  readonly status?: true;
}

interface DestroyOptions extends Options, Selection, PlaceFlags {
  readonly withData?: true;
  readonly withDatabase?: true;
  readonly dryRun?: true;
  readonly yes?: true;
}

/** The surroundings of a command; tests replace them. */
interface Surroundings {
  readonly variables: NodeJS.ProcessEnv;
  /** Folder of the remembered installation. */
  readonly folder: string;
  /** Length of a second of waiting. */
  readonly secondMillis: number;
}

const PROCESS: Surroundings = { variables: process.env, folder: process.cwd(), secondMillis: 1_000 };

type Context = () => { readonly terminal: Terminal };

/** Adds `deploy` to a program. */
export function addDeployCommand(program: Command, context: Context, surroundings = PROCESS): void {
  withInstallation(program.command('deploy'))
    .description('create an installation in a project, or update it')
    .option('--location <location>', 'location of the Firestore database, for example eur3 (default: the region)')
    .option('--results-bucket <name>', 'create a bucket for results that exceed a message, and for videos')
    .option('--alert-email <address>', 'send alerts to this address')
    .addOption(
      new Option('--set <name=value>', 'setting of the functions, for example DELIVERY_TTL_DAYS=60; repeatable')
        .argParser(collect)
        .default([], 'none'),
    )
    .option('--example-subscription', 'create a subscription of results to copy')
    .option('--rebuild', 'build the image again, for patches of Node.js and the base image')
    .option('--dry-run', 'print the commands for an empty project as a script')
    .option('--status', 'show revisions, digests, traffic, and differences from the plan')
    .option('--rollback', 'send all requests to the revisions before the last update')
    .action(async (_options, command: Command) => {
      await runDeploy(command.optsWithGlobals<DeployOptions>(), context().terminal, surroundings);
    });
}

/** Adds `destroy` to a program. */
export function addDestroyCommand(program: Command, context: Context, surroundings = PROCESS): void {
  withInstallation(program.command('destroy'))
    .description('remove an installation')
    .option('--with-data', 'also remove the secrets and the bucket; nothing restores them')
    .option('--with-database', 'also remove the database with everything in it')
    .option('--dry-run', 'print the commands')
    .option('--yes', 'do not ask')
    .action(async (_options, command: Command) => {
      await runDestroy(command.optsWithGlobals<DestroyOptions>(), context().terminal, surroundings);
    });
}

function withInstallation(command: Command): Command {
  return command
    .option('--project <id>', 'Google Cloud project (default: the one deployed last)')
    .option('--region <region>', 'region, for example europe-west1 (default: the one deployed last)')
    .option('--prefix <name>', 'prefix of every name, for a second installation in a project')
    .option('--database <id>', 'Firestore database (default: the one named (default); with a prefix, a separate one)')
    .option('--only <steps>', 'only these steps, separated by commas')
    .option('--skip <steps>', 'skip these steps, separated by commas')
    .option('--allow-unknown-region', 'accept a region that is not in the list');
}

function collect(value: string, values: readonly string[]): readonly string[] {
  return [...values, value];
}

async function runDeploy(
  options: DeployOptions,
  terminal: Terminal,
  { variables, folder, secondMillis }: Surroundings,
): Promise<void> {
  const place = completeFlags(options, variables, folder);
  const installation = readOptions(options, place);
  const shell = new Shell(variables, terminal, secondMillis);
  const source = options.rollback ? '' : await sourceDigest(shell);
  const steps = selected(stepsOf(installation, source, options.rebuild ?? false), options);
  if (options.dryRun && !options.rollback)
    return terminal.result({ script: scriptOf(steps) }, () => scriptOf(steps).trimEnd());
  const account = await requireReady(installation, options.rollback || options.status ? [] : steps, shell);
  const services = serviceResources(installation, source);
  if (options.rollback) return await rollBack(services, { isDryRun: options.dryRun ?? false }, shell, terminal);
  if (options.status) return await reportStatus(steps, services, shell, terminal);
  terminal.note(`Deploying to ${installation.project}, ${installation.region}, as ${account}`);
  const changes = await apply(steps, shell, terminal);
  rememberInstallation(place, folder);
  await reportDeployment(installation, changes, shell, terminal);
}

async function runDestroy(
  options: DestroyOptions,
  terminal: Terminal,
  { variables, folder, secondMillis }: Surroundings,
): Promise<void> {
  const place = completeFlags(options, variables, folder);
  const installation = readOptions({ ...options, exampleSubscription: true }, place);
  const shell = new Shell(variables, terminal, secondMillis);
  const steps = selected(stepsOf(installation), options);
  const flags = new Set<DataFlag>();
  if (options.withData) flags.add('--with-data');
  if (options.withDatabase) flags.add('--with-database');
  const isDryRun = options.dryRun ?? false;
  if (!options.yes && !isDryRun) await requireConsent(installation, flags);
  await requireReady(installation, steps, shell);
  const { removed, kept, lines } = await destroy(steps, { flags, isDryRun }, shell, terminal);
  if (isDryRun) return terminal.result({ commands: lines, kept }, () => lines.join('\n'));
  const isWhole = options.only === undefined && options.skip === undefined;
  if (isWhole) forgetInstallation(place, folder);
  const stays = [...kept, ...(isWhole ? [`APIs, logs and the bucket ${installation.sourceBucket}`] : [])];
  terminal.result({ removed, kept: stays }, () => `Removed: ${removed.length} resources.\nKept: ${stays.join(', ')}.`);
}

async function requireConsent(
  { project, prefix, database }: InstallationSpec,
  flags: ReadonlySet<DataFlag>,
): Promise<void> {
  const data = flags.has('--with-data') ? ', its secrets and its bucket' : '';
  const all = flags.has('--with-database') ? `, and the database ${database} with everything in it` : '';
  const what = `the installation ${prefix ? `"${prefix}" ` : ''}in ${project}${data}${all}`;
  if ((await ask(`This removes ${what}. Type the project's id to confirm: `)) !== project)
    throw new CliError('NOT_CONFIRMED', 'Nothing was removed. Add --yes to skip the question.');
}
