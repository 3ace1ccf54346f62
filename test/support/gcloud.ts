import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface GcloudCommand {
  readonly args: readonly string[];
  readonly stdin: string;
}

export interface Parsed {
  readonly exitCode: number;
  readonly stderr: string;
}

const SCRIPT = join(import.meta.dirname, 'gcloud.py');

/**
 * What the real gcloud says of command lines. It parses before it asks for an account: 2 means that it does not
 * understand, 1 with "active account" that it does (platform reference 4.1).
 */
export function parseAll(commands: readonly GcloudCommand[]): readonly Parsed[] {
  const configuration = mkdtempSync(join(tmpdir(), 'gcloud-'));
  const env = { ...process.env, CLOUDSDK_CONFIG: configuration, CLOUDSDK_CORE_DISABLE_PROMPTS: '1' };
  const { stdout, stderr } = spawnSync('python3', [SCRIPT, sdkRoot()], {
    env: { ...env, CLOUDSDK_CORE_PROJECT: 'demo' },
    input: JSON.stringify(commands),
    encoding: 'utf8',
    maxBuffer: 64 * 1_024 * 1_024,
  });
  rmSync(configuration, { recursive: true });
  if (stdout === '') throw new Error(`gcloud could not be run by python3:\n${stderr}`);
  return JSON.parse(stdout) as readonly Parsed[];
}

/** Two directories above the command (platform reference 1.3). */
function sdkRoot(): string {
  const command = execFileSync('sh', ['-c', 'command -v gcloud'], { encoding: 'utf8' }).trim();
  return dirname(dirname(realpathSync(command)));
}
