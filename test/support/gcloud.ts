import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface GcloudCommand {
  readonly args: readonly string[];
  readonly stdin: string;
}

interface Parsed {
  readonly exitCode: number;
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
export function parseAll(commands: readonly GcloudCommand[]): readonly Parsed[] {
  return callGcloud(commands);
}

/** Returns what each message has that the API's message type does not have; empty texts where there is nothing. */
export function problemsIn(messages: readonly ApiMessage[]): readonly string[] {
  return callGcloud(messages).map(({ stderr }) => stderr);
}

function callGcloud(input: readonly (GcloudCommand | ApiMessage)[]): readonly Parsed[] {
  const configuration = mkdtempSync(join(tmpdir(), 'gcloud-'));
  const env = { ...process.env, CLOUDSDK_CONFIG: configuration, CLOUDSDK_CORE_DISABLE_PROMPTS: '1' };
  const { stdout, stderr } = spawnSync('python3', [SCRIPT, sdkRoot()], {
    env: { ...env, CLOUDSDK_CORE_PROJECT: 'demo' },
    input: JSON.stringify(input),
    encoding: 'utf8',
    maxBuffer: 64 * 1_024 * 1_024,
  });
  rmSync(configuration, { recursive: true });
  if (stdout === '') throw new Error(`gcloud could not be run by python3:\n${stderr}`);
  return JSON.parse(stdout) as readonly Parsed[];
}

/** Two directories above the command (docs/platform.md 1.3). */
function sdkRoot(): string {
  const command = execFileSync('sh', ['-c', 'command -v gcloud'], { encoding: 'utf8' }).trim();
  return dirname(dirname(realpathSync(command)));
}
