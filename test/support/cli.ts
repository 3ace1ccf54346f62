import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { startTied, type TiedProcess } from './process.ts';

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
  const options = { cwd, env: around(env) };
  return await new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], options, (_error, stdout, stderr) => {
      resolve({ exitCode: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

/** The same while it runs, so that a test can look and send signals. */
export async function startCli(args: readonly string[], env: NodeJS.ProcessEnv): Promise<TiedProcess> {
  return await startTied(process.execPath, [MAIN, ...args], around(env));
}

function around(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  return { PATH, HOME, METADATA_SERVER_DETECTION: 'none', ...env };
}
