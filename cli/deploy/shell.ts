import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { CliError } from '../errors.ts';
import type { Line, Variables } from './plan.ts';

const ROOT = join(import.meta.dirname, '../..');

/** What a line printed, and how it ended. */
export interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs lines as a shell in the project's folder would, with what has been found out so far in their environment. */
export class Shell {
  readonly #env: NodeJS.ProcessEnv;
  readonly #found: Record<string, string> = {};

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
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
    const run = await this.run(line);
    if (run.exitCode !== 0) throw failureOf(title, line, run);
    return run.stdout;
  }

  /** @returns what the line tells of something, or `undefined` where it is not there. */
  async find(title: string, line: Line): Promise<unknown> {
    const run = await this.run(line);
    if (run.exitCode !== 0 && isMissing(run.stderr)) return undefined;
    if (run.exitCode !== 0) throw failureOf(title, line, run);
    return JSON.parse(run.stdout || 'null') ?? undefined;
  }
}

/** gcloud has no code of its own for it. */
function isMissing(stderr: string): boolean {
  return (
    !/command not found/.test(stderr) &&
    /NOT_FOUND|not found|does not exist|cannot find|could not find|HTTPError 404/i.test(stderr) &&
    !isAboutProject(stderr)
  );
}

function isAboutProject(stderr: string): boolean {
  return /project\b[^\n]*(not found|does not exist)/i.test(stderr);
}

/** What goes wrong at every user's first attempt, and what to do then. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/active account|gcloud auth login/i, 'Run "gcloud auth login" and "gcloud auth application-default login".'],
  [/default credentials/i, 'Run "gcloud auth application-default login".'],
  [/command not found/i, 'Install the Google Cloud SDK: https://cloud.google.com/sdk/docs/install'],
  [/billing/i, 'Link a billing account to the project: https://console.cloud.google.com/billing/linkedaccount'],
  [
    /SERVICE_DISABLED|has not been used in project/i,
    'An API that was enabled a moment ago takes some minutes. Wait, and run the same command again.',
  ],
  [/GEMINI_API_KEY/, 'Set GEMINI_API_KEY in the environment: a key from https://aistudio.google.com/apikey'],
  [
    /PERMISSION_DENIED|does not have permission|\b403\b/i,
    'Your account may not do this. Ask an owner of the project to run it, or for the role that the message names.',
  ],
  [/QUOTA|RESOURCE_EXHAUSTED|rate limit/i, 'Wait a minute, and run the same command again.'],
  [
    /project\b[^\n]*(not found|does not exist)/i,
    'Check --project: "gcloud projects list" shows those that you can see.',
  ],
  [
    /Service account[^\n]*does not exist/i,
    'A new service account takes a minute to be known. Run the same command again.',
  ],
];

const AGAIN = 'Then run the same command again: it goes on where it was.';

function failureOf(title: string, line: Line, { stderr, exitCode }: Run): CliError {
  const said = stderr.trim() || `exit code ${exitCode}`;
  const advice = ADVICE.find(([pattern]) => pattern.test(said))?.[1] ?? 'Mend what it says.';
  return new CliError('COMMAND_FAILED', `${title}\n  $ ${line}\n${indent(said)}\n→ ${advice} ${AGAIN}`);
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}
