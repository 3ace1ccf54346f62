import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

/** A child process that ends with this one, also when this one is killed. */
export interface TiedProcess {
  readonly pid: number;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** The exit code; 128 plus its number for a signal. */
  readonly exited: Promise<number>;
  /** Sends a signal and waits for the end. */
  end(signal?: NodeJS.Signals): Promise<number>;
}

/**
 * Runs the program, writes its process id to descriptor 3, and ends it when standard input closes, which also happens
 * when this process is killed.
 */
const TIE = `
exec 4<&0
"$@" 3>&- 4<&- & pid=$!
echo $pid >&3; exec 3>&-
(cat <&4 >/dev/null; kill $pid) 2>/dev/null &
exec 4<&-
wait $pid`;

/** Starts a program in a separate process group: Ctrl-C reaches this process alone, which decides the order of ending. */
export async function startTied(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<TiedProcess> {
  const shell = spawn('sh', ['-c', TIE, 'sh', command, ...args], {
    env,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  const exited = once(shell, 'exit').then(([code]) => {
    shell.stdin.end();
    return Number(code);
  });
  const pid = await readPid(shell);
  return {
    pid,
    stdout: shell.stdout,
    stderr: shell.stderr,
    exited,
    end: async (signal = 'SIGTERM') => {
      try {
        if (shell.exitCode === null) process.kill(pid, signal);
      } catch (error) {
        // It has just exited, and its shell has not reported that yet.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
      return await exited;
    },
  };
}

async function readPid(shell: ChildProcess): Promise<number> {
  const pipe = shell.stdio[3] as Readable;
  let text = '';
  for await (const chunk of pipe) text += String(chunk);
  return Number(text);
}

/** Waits until all have started. Where one fails, the others are stopped. */
export async function allOrNone<Started>(
  starting: readonly Promise<Started>[],
  stop: (started: Started) => Promise<unknown>,
): Promise<readonly Started[]> {
  try {
    return await Promise.all(starting);
  } catch (error) {
    for (const result of await Promise.allSettled(starting))
      if (result.status === 'fulfilled') await stop(result.value);
    throw error;
  }
}

/** Below the ephemeral ports: an outgoing connection could take one of those before a slow program listens. */
const PORTS = { first: 10_000, ranges: 220, each: 100 };

let portsGiven = 0;

/**
 * Returns a free port. Processes that run at the same time search different ranges, and stay in them: a proxy that refuses
 * connections for seconds listens on its port again.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.first + (process.pid % PORTS.ranges) * PORTS.each + (portsGiven++ % PORTS.each);
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
      return port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    } finally {
      server.close();
    }
  }
}

/**
 * Repeats `attempt` until it returns a value; an error counts as none.
 *
 * @throws {Error} after `millis` milliseconds, with the last error as its cause.
 */
export async function eventually<T>(what: string, millis: number, attempt: () => Promise<T | undefined>): Promise<T> {
  const endsAt = performance.now() + millis;
  let last: unknown;
  while (performance.now() < endsAt) {
    try {
      const result = await attempt();
      if (result !== undefined) return result;
    } catch (error) {
      last = error;
    }
    await sleep(15);
  }
  throw new Error(`${what}: not within ${millis} ms.`, { cause: last });
}
