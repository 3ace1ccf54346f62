import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError } from '../cli/errors.ts';
import type { Terminal } from '../cli/terminal.ts';
import type { Line, Variables } from './plan.ts';

const ROOT = join(import.meta.dirname, '..');

/** What a line printed, and how it ended. */
export interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How long it is waited before a line is run again, at first; twice as long each time, up to the longest. */
const FIRST_PAUSE_SECONDS = 1;
const LONGEST_PAUSE_SECONDS = 30;

/**
 * Runs lines as a shell in the project's folder would, with what has been found out so far in their environment. A line
 * that fails for something that passes by itself is run again.
 */
export class Shell {
  readonly #env: NodeJS.ProcessEnv;
  readonly #terminal: Pick<Terminal, 'note'>;
  readonly #secondMillis: number;
  readonly #found: Record<string, string> = {};

  /** @param secondMillis how long a second of waiting is. */
  constructor(env: NodeJS.ProcessEnv, terminal: Pick<Terminal, 'note'>, secondMillis = 1_000) {
    this.#env = env;
    this.#terminal = terminal;
    this.#secondMillis = secondMillis;
  }

  get variables(): Variables {
    return this.#found;
  }

  /** What the environment had, or what has been found out. */
  valueOf(name: string): string | undefined {
    return (this.#found[name] ?? this.#env[name]) || undefined;
  }

  set(name: string, value: string): void {
    this.#found[name] = value;
  }

  async run(line: Line): Promise<Run> {
    const env = { ...this.#env, ...this.#found, CLOUDSDK_CORE_DISABLE_PROMPTS: '1' };
    // With pipefail, since a value that could not be made must not be kept as an empty secret.
    const child = spawn('bash', ['-o', 'pipefail', '-c', line], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const exited = once(child, 'close');
    const [stdout, stderr] = await Promise.all([textOf(child.stdout), textOf(child.stderr)]);
    const [code] = (await exited) as [number | null];
    return { exitCode: code ?? 1, stdout, stderr };
  }

  /** @throws {CliError} `COMMAND_FAILED`, with what it said and what to do about it. */
  async require(title: string, line: Line): Promise<string> {
    const run = await this.#settle(title, line, ({ exitCode }) => exitCode === 0);
    if (run.exitCode !== 0) throw failureOf(title, line, run);
    return run.stdout;
  }

  /** @returns what the line tells of something, or `undefined` where it is not there. */
  async find(title: string, line: Line): Promise<unknown> {
    const run = await this.#settle(title, line, (each) => each.exitCode === 0 || isMissing(each));
    if (isMissing(run)) return undefined;
    if (run.exitCode !== 0) throw failureOf(title, line, run);
    return JSON.parse(run.stdout || 'null') ?? undefined;
  }

  /** Runs a line until it has an answer, or fails for something that does not pass, or has not passed in its time. */
  async #settle(title: string, line: Line, isAnswer: (run: Run) => boolean): Promise<Run> {
    let waited = 0;
    for (let pause = FIRST_PAUSE_SECONDS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_SECONDS)) {
      const run = await this.run(line);
      const { advice, passesInSeconds = 0 } = adviceOn(run);
      if (isAnswer(run) || waited + pause > passesInSeconds) return run;
      this.#terminal.note(`    … ${title}: ${advice} Again in ${pause} s, for ${passesInSeconds} s at most.`);
      await sleep(pause * this.#secondMillis);
      waited += pause;
    }
  }
}

/** gcloud has no code of its own for it. By now the project is known to be there. */
function isMissing({ exitCode, stderr }: Run): boolean {
  return exitCode !== 0 && /NOT_FOUND|\b404\b|cannot find|was not found|does not exist/i.test(stderr);
}

interface Advice {
  readonly pattern: RegExp;
  /** What it is about, or what to do. */
  readonly advice: string;
  /** The longest that it takes to pass, where it passes by itself. */
  readonly passesInSeconds?: number;
}

/** What goes wrong at every user's first attempt, and what to do then. */
const ADVICE: readonly Advice[] = [
  {
    pattern: /active account|gcloud auth login/i,
    advice: 'Run "gcloud auth login" and "gcloud auth application-default login".',
  },
  { pattern: /default credentials/i, advice: 'Run "gcloud auth application-default login".' },
  {
    pattern: /command not found/i,
    advice: 'Install the Google Cloud SDK: https://cloud.google.com/sdk/docs/install',
  },
  {
    pattern: /billing/i,
    advice: 'Link a billing account to the project: https://console.cloud.google.com/billing/linkedaccount',
  },
  {
    pattern: /SERVICE_DISABLED|has not been used in project/i,
    advice: 'An API that was enabled a moment ago takes some minutes.',
    passesInSeconds: 300,
  },
  {
    pattern: /Cannot find metric/i,
    advice: 'A new metric takes up to 10 minutes to be known.',
    passesInSeconds: 660,
  },
  {
    pattern: /Service account[^\n]*does not exist/i,
    advice: 'A new service account takes a minute or two to be known.',
    passesInSeconds: 180,
  },
  {
    pattern: /Permission denied on secret|Storage Object Viewer permission|storage\.objects\.get/i,
    advice: 'A new role takes some minutes to count.',
    passesInSeconds: 300,
  },
  {
    pattern: /\bABORTED\b|too much contention|underlying data changed|concurrent policy changes/i,
    advice: 'Another change is under way.',
    passesInSeconds: 300,
  },
  { pattern: /quota[^\n]*per minute/i, advice: 'The quota of a minute is used up.', passesInSeconds: 180 },
  {
    pattern: /GEMINI_API_KEY/,
    advice: 'Set GEMINI_API_KEY in the environment: a key from https://aistudio.google.com/apikey',
  },
  {
    pattern: /projects instance \[|\bProject \S+ (was )?not found/i,
    advice: 'Check --project: "gcloud projects list" shows those that you can see.',
  },
  {
    pattern: /PERMISSION_DENIED|does not have permission|\b403\b/i,
    advice:
      'Your account may not do this. Ask an owner of the project to run it, or for the role that the message names.',
  },
  { pattern: /QUOTA|RESOURCE_EXHAUSTED|rate limit/i, advice: 'Wait a minute.' },
];

function adviceOn({ stderr }: Run): Omit<Advice, 'pattern'> {
  return ADVICE.find(({ pattern }) => pattern.test(stderr)) ?? { advice: 'Mend what it says.' };
}

const AGAIN = 'Then run the same command again: it goes on where it was.';

function failureOf(title: string, line: Line, run: Run): CliError {
  const said = run.stderr.trim() || `exit code ${run.exitCode}`;
  return new CliError('COMMAND_FAILED', `${title}\n  $ ${line}\n${indent(said)}\n→ ${adviceOn(run).advice} ${AGAIN}`);
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}
