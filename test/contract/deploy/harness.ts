import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { CliError, EXIT, reasonOf } from '../../../cli/errors.ts';
import { Terminal } from '../../../cli/terminal.ts';
import { addDeployCommand, addDestroyCommand } from '../../../deploy/commands.ts';
import { type RunningFunction, startFunction } from '../../../local/functions.ts';
import { LocalProject } from '../../../local/project.ts';
import { newSecret } from '../../../simulator/signing.ts';
import { type Simulator, startSimulator } from '../../../simulator/simulator.ts';
import { type GcloudCommand, parseAll } from '../../support/gcloud.ts';
import { type SecretManager, startSecretManager } from '../../support/secretManager.ts';
import { Cloud } from './cloud.ts';
import { startRules } from './rulesService.ts';

export interface Run {
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

/** An empty project in the cloud, with everything that a deployment calls beside gcloud. */
export interface Stage {
  readonly project: LocalProject;
  readonly callback: RunningFunction;
  readonly simulator: Simulator;
  readonly secretManager: SecretManager;
  readonly rules: Awaited<ReturnType<typeof startRules>>;
  cloud: Cloud;
  /** File of the remembered installation. */
  readonly file: string;
  /** The variables of a run. */
  readonly env: () => NodeJS.ProcessEnv;
  readonly run: (command: 'deploy' | 'destroy', ...args: readonly string[]) => Promise<Run>;
  readonly runWith: (variables: NodeJS.ProcessEnv, command: string, ...args: readonly string[]) => Promise<Run>;
  /** Every command that was sent, once for those that differ in a prefix or a digest only. */
  readonly sent: () => readonly GcloudCommand[];
  readonly clear: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export async function openStage(): Promise<Stage> {
  const [project, simulator, secretManager, rules] = await Promise.all([
    LocalProject.create(),
    startSimulator(),
    startSecretManager(),
    startRules(),
  ]);
  const callback = await startFunction('geminiCallback', { ...project.env, WEBHOOK_SIGNING_SECRET: newSecret() });
  const folder = mkdtempSync(join(tmpdir(), 'deploy-'));
  const sent = new Map<string, GcloudCommand>();
  const record = () => {
    for (const command of stage.cloud.commands)
      sent.set(JSON.stringify(command.args).replaceAll(/staging-?|\b[0-9a-f]{16}\b/g, ''), command);
  };
  const open = async () => {
    const cloud = await Cloud.open(secretManager.secrets);
    cloud.tagUrl = () => callback.url;
    return cloud;
  };
  const env = () => {
    const { FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST } = process.env;
    return {
      ...stage.cloud.env,
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
  };
  const runWith = async (variables: NodeJS.ProcessEnv, command: string, ...args: readonly string[]) => {
    const hasPlace = args.some((arg) => arg.startsWith('--project'));
    const place = hasPlace ? [] : [`--project=${project.projectId}`, '--region=europe-west1'];
    const ended = await runCommand([command, ...place, ...args], { ...env(), ...variables }, folder);
    record();
    return ended;
  };
  const stage: Stage = {
    project,
    callback,
    simulator,
    secretManager,
    rules,
    cloud: await Cloud.open(secretManager.secrets),
    file: join(folder, '.gemini-callbacks.json'),
    env,
    run: async (command, ...args) => await runWith({}, command, ...args),
    runWith,
    sent: () => [...sent.values()],
    clear: async () => {
      record();
      await stage.cloud.close();
      for (const state of [secretManager.secrets, rules.releases, rules.rulesets]) state.clear();
      rmSync(stage.file, { force: true });
      stage.cloud = await open();
    },
    close: async () => {
      rmSync(folder, { recursive: true });
      await callback.end();
      await Promise.all([
        stage.cloud.close(),
        simulator.close(),
        secretManager.close(),
        rules.close(),
        project.close(),
      ]);
    },
  };
  stage.cloud.tagUrl = () => callback.url;
  return stage;
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
export function refusedBy(commands: readonly GcloudCommand[]) {
  return parseAll(commands)
    .map(({ exitCode, stderr }, index) => ({ exitCode, stderr, command: commands[index]?.args.join(' ') ?? '' }))
    .filter(({ stderr }) => !/active account|default credentials were not found/.test(stderr))
    .filter(({ command }) => !/^(meta list-files-for-upload|version|auth list)/.test(command));
}
