import { type ChildProcess, execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { startTied, type TiedProcess } from '../../local/process.ts';
import type { HostedCommand } from './cliHost.ts';

const MAIN = join(import.meta.dirname, '../../cli/main.ts');
const HOST = join(import.meta.dirname, 'cliHost.ts');

/** A file takes no byte more: to a process the same as a full disk, but for the name of the error. */
const DISK_FULL = ['-c', 'trap "" XFSZ; ulimit -f 0; exec "$@"', 'sh'];

/** A command that took longer may have left retries behind, which would disturb the next. */
const LONGEST_MILLIS = 2_000;

export interface CliRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const free: ChildProcess[] = [];

/** Runs the command line as `npm run -s cli --` does, in a process that runs one command after another. */
export async function cli(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  { cwd = process.cwd(), isDiskFull = false }: { cwd?: string; isDiskFull?: boolean } = {},
): Promise<CliRun> {
  if (isDiskFull) return await cliOnFullDisk(args, env, cwd);
  const host = free.pop() ?? startHost();
  const startedAt = performance.now();
  host.send({ args, env: around(env), cwd } satisfies HostedCommand);
  const [run] = (await once(host, 'message')) as [CliRun];
  if (performance.now() - startedAt < LONGEST_MILLIS) free.push(host);
  else host.disconnect();
  return run;
}

/** Ends when this process ends. */
function startHost(): ChildProcess {
  const host = fork(HOST, { stdio: ['pipe', 'inherit', 'inherit', 'ipc'], execArgv: [], env: around({}) });
  host.setMaxListeners(0);
  host.unref();
  host.channel?.unref();
  return host;
}

async function cliOnFullDisk(args: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Promise<CliRun> {
  const command = [...DISK_FULL, process.execPath, MAIN, ...args];
  return await new Promise((resolve) => {
    const child = execFile('/bin/sh', command, { cwd, env: around(env) }, (_error, stdout, stderr) => {
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
