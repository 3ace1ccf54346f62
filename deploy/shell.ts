import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError } from '../cli/errors.ts';
import type { Terminal } from '../cli/terminal.ts';
import { adviceOn, transientReasonIn } from './advice.ts';
import type { Line, Variables } from './line.ts';

export const ROOT = join(import.meta.dirname, '..');

/** The output of a line and its exit code. */
interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const FIRST_PAUSE_SECONDS = 1;
const LONGEST_PAUSE_SECONDS = 30;
/** The longest wait for an error that passes; only then is it reported. */
const PATIENCE_SECONDS = 300;

/** Each gcloud needs a second of processor time to start. */
const CONCURRENT_LINES = 6;

/**
 * Runs lines in a shell in the project's folder, with the values found so far in their environment. A line whose error
 * passes is repeated.
 */
export class Shell {
  readonly #env: NodeJS.ProcessEnv;
  readonly #terminal: Pick<Terminal, 'note'>;
  readonly #secondMillis: number;
  readonly #found: Record<string, string> = {};
  #free = CONCURRENT_LINES;
  readonly #waiting: (() => void)[] = [];

  /** @param secondMillis length of a second of waiting; tests shorten it. */
  constructor(env: NodeJS.ProcessEnv, terminal: Pick<Terminal, 'note'>, secondMillis = 1_000) {
    this.#env = env;
    this.#terminal = terminal;
    this.#secondMillis = secondMillis;
  }

  get variables(): Variables {
    return this.#found;
  }

  /** Returns a value found in this run, else the environment's. */
  valueOf(name: string): string | undefined {
    return (this.#found[name] ?? this.#env[name]) || undefined;
  }

  set(name: string, value: string): void {
    this.#found[name] = value;
  }

  async run(line: Line): Promise<Run> {
    while (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#free -= 1;
    try {
      return await this.#spawn(line);
    } finally {
      this.#free += 1;
      this.#waiting.shift()?.();
    }
  }

  async #spawn(line: Line): Promise<Run> {
    const env = { ...this.#env, ...this.#found, CLOUDSDK_CORE_DISABLE_PROMPTS: '1' };
    // Without pipefail a value that could not be created would be stored as an empty secret.
    const child = spawn('bash', ['-o', 'pipefail', '-c', line], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const exited = once(child, 'close');
    const [stdout, stderr] = await Promise.all([textOf(child.stdout), textOf(child.stderr)]);
    const [code] = (await exited) as [number | null];
    return { exitCode: code ?? 1, stdout, stderr };
  }

  /** @throws {CliError} `COMMAND_FAILED` with the line, its message and what to do. */
  async require(title: string, line: Line): Promise<string> {
    const run = await this.#runUntilSettled(title, line, () => false);
    if (run.exitCode !== 0) throw failureOf(title, line, run);
    return run.stdout;
  }

  /** @returns the JSON that the line prints, or `undefined` where the resource is missing. */
  async find(title: string, line: Line): Promise<unknown> {
    const run = await this.#runUntilSettled(title, line, isMissing);
    if (isMissing(run)) return undefined;
    if (run.exitCode !== 0) throw failureOf(title, line, run);
    return JSON.parse(run.stdout || 'null') ?? undefined;
  }

  /** Waits between two attempts at the same thing. */
  async pause(seconds: number): Promise<void> {
    await sleep(seconds * this.#secondMillis);
  }

  async #runUntilSettled(title: string, line: Line, isAnswer: (run: Run) => boolean): Promise<Run> {
    let waited = 0;
    for (let pause = FIRST_PAUSE_SECONDS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_SECONDS)) {
      const run = await this.run(line);
      const reason = run.exitCode === 0 || isAnswer(run) ? undefined : transientReasonIn(run.stderr);
      const patience = /Cannot find metric/.test(run.stderr) ? 2.2 * PATIENCE_SECONDS : PATIENCE_SECONDS;
      if (reason === undefined || waited + pause > patience) return run;
      this.#terminal.note(
        `  … ${title}: ${reason} Retrying in ${pause} s, for up to ${Math.round(patience / 60)} minutes.`,
      );
      await this.pause(pause);
      waited += pause;
    }
  }
}

/** gcloud has no exit code for it. The project itself is known to exist by now. */
function isMissing({ exitCode, stderr }: Run): boolean {
  return exitCode !== 0 && /NOT_FOUND|\b404\b|cannot find|was not found|does not exist/i.test(stderr);
}

function failureOf(title: string, line: Line, { stderr, exitCode }: Run): CliError {
  const message = (stderr.trim() || `exit code ${exitCode}`).replaceAll(/^/gm, '  ');
  return new CliError('COMMAND_FAILED', `${title}\n  $ ${line}\n${message}\n→ ${adviceOn(stderr)}`);
}
