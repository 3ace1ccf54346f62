import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { startTied, type TiedProcess } from '../../local/process.ts';

const MAIN = join(import.meta.dirname, '../../cli/main.ts');

/** A file takes no byte more: to a process the same as a full disk, but for the name of the error. */
const DISK_FULL = ['/bin/sh', '-c', 'trap "" XFSZ; ulimit -f 0; exec "$@"', 'sh'];

export interface CliRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line in a separate process, as `npm run -s cli --` does. */
export async function cli(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  { cwd = process.cwd(), isDiskFull = false }: { cwd?: string; isDiskFull?: boolean } = {},
): Promise<CliRun> {
  const options = { cwd, env: around(env) };
  const command = [...(isDiskFull ? DISK_FULL : []), process.execPath, MAIN, ...args];
  return await new Promise((resolve) => {
    const child = execFile(command[0] ?? '', command.slice(1), options, (_error, stdout, stderr) => {
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
