import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';

export interface GcloudCommand {
  readonly args: readonly string[];
  readonly stdin: string;
}

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const SCRIPT = join(import.meta.dirname, 'gcloud.py');

/** A text that should be a message of one of Google's APIs, for example of the type `monitoring.v3.AlertPolicy`. */
interface ApiMessage {
  readonly message: string;
  readonly json: string;
}

/**
 * Returns the results of command lines in the real gcloud, which parses before it looks for an account: exit code 2 is a
 * wrong command line, 1 with "active account" a right one (docs/platform.md 4.1).
 */
export async function parseAll(commands: readonly GcloudCommand[]): Promise<readonly Ended[]> {
  return await callGcloud(commands, { CLOUDSDK_CORE_PROJECT: 'demo' });
}

/** Runs command lines in the real gcloud, one after another. The environment has its account and the API's address. */
export async function runAll(commands: readonly GcloudCommand[], env: NodeJS.ProcessEnv): Promise<readonly Ended[]> {
  return await callGcloud(commands, env);
}

/** Returns what each message has that the API's message type does not have; empty texts where there is nothing. */
export async function problemsIn(messages: readonly ApiMessage[]): Promise<readonly string[]> {
  return (await callGcloud(messages, {})).map(({ stderr }) => stderr);
}

async function callGcloud(
  input: readonly (GcloudCommand | ApiMessage)[],
  variables: NodeJS.ProcessEnv,
): Promise<readonly Ended[]> {
  const configuration = mkdtempSync(join(tmpdir(), 'gcloud-'));
  const settings = { CLOUDSDK_CONFIG: configuration, CLOUDSDK_CORE_DISABLE_PROMPTS: '1' };
  const python = spawn('python3', [SCRIPT, sdkRoot()], { env: { ...process.env, ...settings, ...variables } });
  python.stdin.end(JSON.stringify(input));
  const [stdout, stderr] = await Promise.all([text(python.stdout), text(python.stderr)]);
  rmSync(configuration, { recursive: true });
  if (stdout === '') throw new Error(`gcloud could not be run by python3:\n${stderr}`);
  return JSON.parse(stdout) as readonly Ended[];
}

/** Two directories above the command (docs/platform.md 1.3). */
function sdkRoot(): string {
  const command = execFileSync('sh', ['-c', 'command -v gcloud'], { encoding: 'utf8' }).trim();
  return dirname(dirname(realpathSync(command)));
}
