import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { nodeOptions } from '../functions/runtime/nodeOptions.ts';
import { eventually, freePort, startTied } from './process.ts';

const ROOT = join(import.meta.dirname, '..');
const FRAMEWORK = join(ROOT, 'node_modules/@google-cloud/functions-framework/build/src/main.js');

/** The memory of a deployed instance. */
const MEMORY_MIB = 512;

/** A line of the function's log, as Cloud Logging would read it. */
export type LogLine = Readonly<Record<string, unknown>>;

export interface RunningFunction {
  readonly url: string;
  readonly pid: number;
  /** The structured lines so far. */
  readonly log: readonly LogLine[];
  /** Everything that it has written so far. */
  readonly output: () => string;
  readonly exited: Promise<number>;
  end(signal?: NodeJS.Signals): Promise<number>;
}

export interface FunctionOptions {
  /** Any free one by default. */
  readonly port?: number;
  readonly onLine?: (line: LogLine) => void;
  /** Another function than those of this project: the path of its module. */
  readonly source?: string;
}

/** Serves one of the built functions, through the Functions Framework, in a process of its own, as the platform does. */
export async function startFunction(
  target: string,
  env: NodeJS.ProcessEnv,
  options: FunctionOptions = {},
): Promise<RunningFunction> {
  const { port = await freePort() } = options;
  const running = await spawnFunction(target, { ...env, PORT: String(port) }, options);
  const url = `http://127.0.0.1:${port}`;
  const ready = eventually(`${target} listens`, 20_000, async () => (await fetch(url)).status);
  const ended = running.exited.then((code) => {
    throw new Error(`${target} ended with exit code ${code}:\n${running.output()}`);
  });
  await Promise.race([ready, ended]);
  ended.catch(() => {});
  return { ...running, url };
}

/** The same, without waiting for it to listen: for those that must not start. */
export async function spawnFunction(
  target: string,
  env: NodeJS.ProcessEnv,
  { onLine, source = ROOT }: FunctionOptions = {},
): Promise<Omit<RunningFunction, 'url'>> {
  const { PATH, HOME } = process.env;
  const surroundings = {
    PATH,
    HOME,
    NODE_ENV: 'production',
    METADATA_SERVER_DETECTION: 'none',
    NODE_OPTIONS: nodeOptions(MEMORY_MIB),
    ...env,
  };
  const child = await startTied(
    process.execPath,
    [FRAMEWORK, `--source=${source}`, `--target=${target}`],
    surroundings,
  );
  const log: LogLine[] = [];
  const text: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      text.push(line);
      const entry = parseLine(line);
      if (entry === undefined) return;
      log.push(entry);
      onLine?.(entry);
    });
  }
  // What it wrote at its end comes a moment after the end.
  const written = Promise.allSettled([finished(child.stdout), finished(child.stderr)]);
  const exited = child.exited.then(async (code) => {
    await written;
    return code;
  });
  return {
    pid: child.pid,
    log,
    output: () => text.join('\n'),
    exited,
    end: async (signal) => {
      await child.end(signal);
      return await exited;
    },
  };
}

function parseLine(line: string): LogLine | undefined {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return undefined;
  }
}

/** The environment of a process whose clock is ahead of everybody else's. */
export function clockAhead(millis: number): NodeJS.ProcessEnv {
  const module = `
    const Clock = Date;
    globalThis.Date = class Date extends Clock {
      constructor(...args) { super(...(args.length > 0 ? args : [Clock.now() + ${millis}])); }
      static now() { return Clock.now() + ${millis}; }
    };`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(module)}` };
}
