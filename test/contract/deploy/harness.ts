import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { afterAll, beforeEach } from 'vitest';
import { CliError, EXIT, reasonOf } from '../../../cli/errors.ts';
import { Terminal } from '../../../cli/terminal.ts';
import { addDeployCommand, addDestroyCommand } from '../../../deploy/commands.ts';
import { startFunction } from '../../../local/functions.ts';
import { LocalProject } from '../../../local/project.ts';
import { newSecret } from '../../../simulator/signing.ts';
import { startSimulator } from '../../../simulator/simulator.ts';
import { type GcloudCommand, parseAll } from '../../support/gcloud.ts';
import { startSecretManager } from '../../support/secretManager.ts';
import { Cloud } from './cloud.ts';
import { parseCall } from './gcloudCall.ts';
import { startRules } from './rulesService.ts';
import { saveMaps } from './saveMaps.ts';

interface Run {
  readonly exitCode: number;
  /** The command's result. */
  readonly stdout: string;
  /** Result, notes and the error. */
  readonly output: string;
}

class RecordingTerminal extends Terminal {
  stdout = '';
  stderr = '';

  override result(value: object, forPeople: () => string): void {
    this.stdout += `${this.json ? JSON.stringify(value) : forPeople()}\n`;
  }

  override note(text: string): void {
    this.stderr += `${text}\n`;
  }
}

/** An empty project in the cloud for each test of a file, with everything that a deployment calls beside gcloud. */
export async function openStage() {
  const [project, simulator, secretManager, rules] = await Promise.all([
    LocalProject.create(),
    startSimulator(),
    startSecretManager(),
    startRules(),
  ]);
  const callback = await startFunction('geminiCallback', { ...project.env, WEBHOOK_SIGNING_SECRET: newSecret() });
  const cloud = await Cloud.open(secretManager.secrets);
  const folder = mkdtempSync(join(tmpdir(), 'deploy-'));
  const file = join(folder, '.gemini-callbacks.json');
  /** Returns a function that restores the present state. */
  const save = () => {
    const restores = [cloud.save(), saveMaps(rules.releases, rules.rulesets)];
    return () => restores.forEach((restore) => restore());
  };
  const empty = save();
  const sent = new Map<string, GcloudCommand>();

  beforeEach(() => {
    empty();
    cloud.tagUrl = () => callback.url;
    rmSync(file, { force: true });
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    cloud.close();
    await callback.end();
    await Promise.all([simulator.close(), secretManager.close(), rules.close(), project.close()]);
  });

  const { FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST } = process.env;
  const env: NodeJS.ProcessEnv = {
    ...cloud.env,
    FIRESTORE_EMULATOR_HOST,
    PUBSUB_EMULATOR_HOST,
    METADATA_SERVER_DETECTION: 'none',
    CALLBACK_URL: callback.url,
    GEMINI_API_KEY: 'key-of-a-test',
    GOOGLE_GEMINI_BASE_URL: simulator.url,
    GEMINI_JWKS_URL: `${simulator.url}/.well-known/jwks.json`,
    SECRET_MANAGER_EMULATOR_HOST: secretManager.host,
    FIREBASE_RULES_EMULATOR_HOST: rules.host,
  };
  const runWith = async (variables: NodeJS.ProcessEnv, command: string, ...args: readonly string[]) => {
    const hasPlace = args.some((arg) => arg.startsWith('--project'));
    const place = hasPlace ? [] : [`--project=${project.projectId}`, '--region=europe-west1'];
    const before = cloud.commands.length;
    const ended = await runCommand([command, ...place, ...args], { ...env, ...variables }, folder);
    for (const each of cloud.commands.slice(before)) sent.set(shapeOf(each), each);
    return ended;
  };
  return {
    project: project.projectId,
    /** Empties the project, as before each test. */
    empty,
    save,
    callback,
    simulator,
    rules,
    cloud,
    /** File of the remembered installation. */
    file,
    /** The variables of a run. */
    env,
    runWith,
    deploy: async (...args: readonly string[]) => await runWith({}, 'deploy', ...args),
    destroy: async (...args: readonly string[]) => await runWith({}, 'destroy', ...args),
    /** Every command that was sent, once for those of the same shape. */
    sent: () => [...sent.values()],
  };
}

/** Returns a command without the parts that differ between resources: the name, a prefix, a digest. */
function shapeOf(command: GcloudCommand): string {
  const { kind, verb } = parseCall(command);
  const flags = command.args.filter((arg) => arg.startsWith('--'));
  return [kind, verb, ...flags].join(' ').replaceAll(/staging-?|\b[0-9a-f]{16}\b/g, '');
}

/** Runs a command in this process, with a second of waiting shortened to a millisecond. */
async function runCommand(args: readonly string[], variables: NodeJS.ProcessEnv, folder: string): Promise<Run> {
  const terminal = new RecordingTerminal({ json: args.includes('--json') });
  const program = new Command().option('--json').exitOverride();
  program.configureOutput({ writeErr: (text) => terminal.note(text), writeOut: (text) => terminal.note(text) });
  for (const add of [addDeployCommand, addDestroyCommand])
    add(program, () => ({ terminal }), { variables, folder, secondMillis: 1 });
  let exitCode: number = EXIT.ok;
  try {
    await program.parseAsync(
      args.toSorted((one) => (one === '--json' ? -1 : 0)),
      { from: 'user' },
    );
  } catch (error) {
    exitCode = error instanceof CliError ? error.exitCode : EXIT.failed;
    if (error instanceof CommanderError) exitCode = EXIT.usage;
    terminal.note(reasonOf(error));
  }
  return { exitCode, stdout: terminal.stdout, output: terminal.stdout + terminal.stderr };
}

/** Returns the commands that the real gcloud does not parse. It parses before it looks for an account. */
export async function refusedBy(commands: readonly GcloudCommand[]) {
  return (await parseAll(commands))
    .map(({ exitCode, stderr }, index) => ({ exitCode, stderr, command: commands[index]?.args.join(' ') ?? '' }))
    .filter(({ stderr }) => !/active account|default credentials were not found/.test(stderr))
    .filter(({ command }) => !/^(meta list-files-for-upload|version|auth list)/.test(command));
}
