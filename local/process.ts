import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

/** A program that runs beside us and ends with us, however we end. */
export interface TiedProcess {
  readonly pid: number;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Its exit code; above 128 the number of a signal is added. */
  readonly exited: Promise<number>;
  /** Sends a signal and waits for the end. */
  end(signal?: NodeJS.Signals): Promise<number>;
}

/**
 * Runs the program, tells its process id on descriptor 3, and ends it when standard input closes: which happens also
 * when this process is killed and cannot clean up.
 */
const TIE = `
exec 4<&0
"$@" 3>&- 4<&- & pid=$!
echo $pid >&3; exec 3>&-
(cat <&4 >/dev/null; kill $pid) 2>/dev/null &
exec 4<&-
wait $pid`;

/** Starts a program in a group of its own: Ctrl-C reaches us, and we decide the order of ending. */
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
        // It has ended by itself a moment ago, and its shell has not told yet.
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

/** Below those that systems lend to outgoing connections: one of these could be taken before a slow program listens. */
const PORTS = { first: 10_000, count: 22_000, each: 251 };

let portsGiven = 0;

/** A port that nobody listens on at the moment. Processes that run beside each other look in places of their own. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.first + ((process.pid * PORTS.each + portsGiven++) % PORTS.count);
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

/** Waits until `attempt` gives something, up to a limit in milliseconds; errors on the way count as nothing yet. */
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
