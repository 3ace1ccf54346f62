import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { Command, CommanderError } from 'commander';
import { CliError, EXIT, reasonOf, usageError } from '../cli/errors.ts';
import { Terminal } from '../cli/terminal.ts';
import { apply, remove, resolve, scriptOf } from './apply.ts';
import { type Installation, installationOf, type Options } from './installation.ts';
import { type DataFlag, line, type Step } from './plan.ts';
import { Shell } from './shell.ts';
import { sourceDigest } from './source.ts';
import { access } from './steps/access.ts';
import { accounts } from './steps/accounts.ts';
import { scheduler, trigger } from './steps/callers.ts';
import { firestore, firestoreIndexes, firestoreRules } from './steps/firestore.ts';
import { functions } from './steps/functions.ts';
import { doctor, registration } from './steps/gemini.ts';
import { messaging } from './steps/messaging.ts';
import { metrics, monitoring } from './steps/monitoring.ts';
import { numberOf, project } from './steps/project.ts';
import { secrets } from './steps/secrets.ts';

/** `npm run deploy` and `npm run destroy`. */

interface Selection {
  readonly only?: string;
  readonly skip?: string;
}

interface Destruction {
  readonly withData?: true;
  readonly withDatabase?: true;
  readonly dryRun?: true;
  readonly yes?: true;
}

const terminal = new Terminal({ json: false });
const shell = new Shell(process.env, terminal);
const program = new Command().exitOverride();

withPlace(program.command('deploy'))
  .description('bring a project to a working installation, or an installation up to date')
  .option('--location <location>', 'of the Firestore database, for example eur3; the region by default')
  .option('--results-bucket <name>', 'a bucket for results that are too large for a message, and for videos')
  .option('--alert-email <address>', 'whom alerts are mailed to')
  .option('--set <name=value>', 'a setting of the functions; may be repeated', collect, [])
  .option('--dry-run', 'print the commands for an empty project, and change nothing')
  .action(async (options: Options & Selection & { dryRun?: true }) => {
    const steps = chosen(stepsOf(installationOf(options), await sourceDigest(shell)), options);
    if (options.dryRun) return void process.stdout.write(scriptOf(steps));
    await requireCredentials();
    const { made, changed, unchanged } = await apply(steps, shell, terminal);
    terminal.note(`\nDone: ${made} made, ${changed} changed, ${unchanged} as they were.`);
    const callbackUrl = shell.variables['CALLBACK_URL'];
    if (callbackUrl !== undefined) terminal.note(`geminiCallback is at ${callbackUrl}`);
  });

withPlace(program.command('destroy'))
  .description('take an installation away')
  .option('--with-data', 'the secrets and the bucket as well: nothing brings them back')
  .option('--with-database', 'the database as well, with everything that anybody has put into it')
  .option('--dry-run', 'print the commands for what is there, and change nothing')
  .option('--yes', 'do not ask')
  .action(async (options: Options & Selection & Destruction) => {
    const installation = installationOf(options);
    const steps = chosen(stepsOf(installation), options);
    const { withData, withDatabase, dryRun: isDryRun = false } = options;
    const flags = new Set<DataFlag>();
    if (withData) flags.add('--with-data');
    if (withDatabase) flags.add('--with-database');
    if (!options.yes && !isDryRun) await requireConsent(installation, flags);
    await requireCredentials();
    await resolve(numberOf(installation), shell);
    const left = await remove(steps, { flags, isDryRun }, shell, terminal);
    if (left.length > 0) terminal.note(`\nLeft: ${left.join(', ')}.`);
  });

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) {
    terminal.failure(error instanceof CliError ? error.code : 'FAILED', reasonOf(error));
  }
  process.exitCode = exitCodeOf(error);
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  return error instanceof CliError ? error.exitCode : EXIT.failed;
}

function withPlace(command: Command): Command {
  return command
    .requiredOption('--project <id>', 'the Google Cloud project')
    .requiredOption('--region <region>', 'of the functions, for example europe-west1')
    .option('--prefix <name>', 'before every name: for a second installation in a project')
    .option('--database <id>', 'Firestore database; (default), or with a prefix one of its own')
    .option('--only <steps>', 'these steps, separated by commas')
    .option('--skip <steps>', 'all steps but these');
}

function collect(value: string, values: readonly string[]): readonly string[] {
  return [...values, value];
}

function stepsOf(installation: Installation, source = ''): readonly Step[] {
  return [
    project(installation),
    firestore(installation),
    firestoreRules(installation),
    firestoreIndexes(installation),
    accounts(installation),
    messaging(installation),
    secrets(installation),
    access(installation),
    metrics(installation),
    functions(installation, source),
    trigger(installation),
    scheduler(installation),
    registration(installation),
    monitoring(installation),
    doctor(installation),
  ];
}

/** What the first step finds out is needed by the others: of it that much is always there. */
function chosen(steps: readonly Step[], { only, skip }: Selection): readonly Step[] {
  const names = steps.map(({ name }) => name);
  const listed = (text: string) => text.split(',');
  const [wanted, unwanted] = [only === undefined ? names : listed(only), skip === undefined ? [] : listed(skip)];
  const unknown = [...wanted, ...unwanted].filter((name) => !names.includes(name));
  if (unknown.length > 0) throw usageError(`There is no step "${unknown.join(', ')}". Steps: ${names.join(', ')}.`);
  return steps.flatMap((step) => {
    if (wanted.includes(step.name) && !unwanted.includes(step.name)) return step;
    return step.name === 'project' ? { ...step, items: step.items.filter(({ kind }) => kind === 'variable') } : [];
  });
}

/** What comes last needs them too, and should not be the first to say so. */
async function requireCredentials(): Promise<void> {
  await shell.require('The account of gcloud', line('gcloud', 'auth', 'print-access-token'));
  await shell.require(
    'The account of the client libraries',
    line('gcloud', 'auth', 'application-default', 'print-access-token'),
  );
}

async function requireConsent(
  { project: id, prefix, database }: Installation,
  flags: ReadonlySet<DataFlag>,
): Promise<void> {
  const data = flags.has('--with-data') ? ', with its secrets and its bucket' : '';
  const all = flags.has('--with-database') ? `, with the database ${database} and everything in it` : '';
  const what = `the installation ${prefix ? `"${prefix}" ` : ''}in ${id}${data}${all}`;
  const terminalInput = createInterface({ input: process.stdin, output: process.stderr });
  const ended = once(terminalInput, 'close').then(() => '');
  const asked = terminalInput.question(`This takes away ${what}. Type the project's id to go on: `);
  const answer = await Promise.race([asked, ended]);
  terminalInput.close();
  if (answer.trim() !== id) throw new CliError('NOT_CONFIRMED', 'Nothing was done.');
}
