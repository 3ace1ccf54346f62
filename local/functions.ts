import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { heapOptions, nodeOptions } from '../functions/runtime/nodeOptions.ts';
import { eventually, freePort, startTied } from './process.ts';

const ROOT = join(import.meta.dirname, '..');
const FRAMEWORK = join(ROOT, 'node_modules/@google-cloud/functions-framework/build/src/main.js');

/** Set while coverage is measured: the folder for what V8 has counted, in functions that run from their sources. */
const { FUNCTION_COVERAGE } = process.env;
const SOURCE = FUNCTION_COVERAGE === undefined ? ROOT : join(ROOT, 'test/codeCoverage');

/** Ends a function that is not needed any more; a killed one could not write its coverage. */
export const LAST_SIGNAL: NodeJS.Signals = FUNCTION_COVERAGE === undefined ? 'SIGKILL' : 'SIGTERM';

/** The memory of a deployed instance. */
const MEMORY_MIB = 512;

/** A structured line of the function's log, as Cloud Logging reads it. */
export type LogLine = Readonly<Record<string, unknown>>;

export interface RunningFunction {
  readonly url: string;
  readonly pid: number;
  /** The structured lines so far. */
  readonly log: readonly LogLine[];
  /** All output so far. */
  readonly output: () => string;
  readonly exited: Promise<number>;
  end(signal?: NodeJS.Signals): Promise<number>;
}

interface FunctionOptions {
  /** Default: any free port. */
  readonly port?: number;
  readonly onLine?: (line: LogLine) => void;
  /** Path of another module than this project's. */
  readonly source?: string;
}

/** Serves a built function through the Functions Framework, in a separate process as on the platform, and waits for it. */
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

/** Starts a function without waiting for it to listen, for tests of functions that must not start. */
export async function spawnFunction(
  target: string,
  env: NodeJS.ProcessEnv,
  { onLine, source = SOURCE }: FunctionOptions = {},
): Promise<Omit<RunningFunction, 'url'>> {
  const { PATH, HOME } = process.env;
  const surroundings = {
    PATH,
    HOME,
    NODE_ENV: 'production',
    METADATA_SERVER_DETECTION: 'none',
    ...(FUNCTION_COVERAGE !== undefined && { NODE_V8_COVERAGE: FUNCTION_COVERAGE }),
    NODE_OPTIONS: source === ROOT ? nodeOptions(MEMORY_MIB, ROOT) : heapOptions(MEMORY_MIB),
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
  // The last output can arrive after the exit.
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
