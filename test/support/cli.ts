import { execFile } from 'node:child_process';
import { join } from 'node:path';

const MAIN = join(import.meta.dirname, '../../cli/main.ts');

export interface CliRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line in a process of its own, as `npm run -s cli --` does. */
export async function cli(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  { cwd = process.cwd() }: { cwd?: string } = {},
): Promise<CliRun> {
  const { PATH, HOME } = process.env;
  const options = { cwd, env: { PATH, HOME, METADATA_SERVER_DETECTION: 'none', ...env } };
  return await new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], options, (_error, stdout, stderr) => {
      resolve({ exitCode: child.exitCode ?? -1, stdout, stderr });
    });
  });
}
