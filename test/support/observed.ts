import { onTestFinished } from 'vitest';
import { eventually, type TiedProcess } from '../../local/process.ts';

/** A program that runs, with its output so far. */
export interface Observed extends Pick<TiedProcess, 'end' | 'exited'> {
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Waits until its output, of either stream, has a text. */
  readonly says: (text: string | RegExp) => Promise<void>;
}

/** Collects the output of a program, which is killed at the end of the test unless it has ended. */
export async function observe(starting: TiedProcess | Promise<TiedProcess>): Promise<Observed> {
  const observed = collectOutput(await starting);
  onTestFinished(async () => void (await observed.end('SIGKILL')));
  return observed;
}

/** Collects the output of a program. */
export function collectOutput(running: TiedProcess): Observed {
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    running[name].on('data', (chunk) => (output[name] += String(chunk)));
  return {
    end: async (signal) => await running.end(signal),
    exited: running.exited,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    says: async (text) =>
      void (await eventually(`${text}`, 25_000, async () => {
        const all = output.stdout + output.stderr;
        return (typeof text === 'string' ? all.includes(text) : text.test(all)) || undefined;
      })),
  };
}
