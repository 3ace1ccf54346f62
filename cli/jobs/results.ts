import { once } from 'node:events';
import { createWriteStream, statSync, type WriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { type JobResult, resultJson } from '../../functions/model/result.ts';
import type { Output } from '../../functions/results/sources/source.ts';
import { connect } from '../connect.ts';
import type { Context } from '../context.ts';
import { CliError, reasonOf } from '../errors.ts';
import { GEMINI } from '../installation/variableGroups.ts';
import { type Counter, progressOf } from '../progress.ts';
import { withStore } from '../store.ts';
import { fields, table, type Terminal } from '../terminal.ts';
import { type JobRecord, requireJob } from './records.ts';
import { ResultFolder } from './resultFolder.ts';
import { messageOf, textIn } from './resultText.ts';
import { openResults, ReadLimit, readFailure } from './resultSource.ts';

/** Rows of the table: a batch can have millions of results. */
const MAX_ROWS = 1_000;
const TEXT_WIDTH = 60;

/** Takes results one by one. */
interface Sink {
  write(result: JobResult): Promise<void>;
  /** @param count of all results. */
  end(count: number): Promise<void>;
}

/** @throws {CliError} `JOB_NOT_ENDED`, `NOT_WRITTEN`, `GEMINI_…` */
export async function resultsCommand(
  id: string,
  { output }: { readonly output?: string },
  context: Context,
): Promise<void> {
  await withStore(
    context,
    async (firestore, variables) => {
      const { record } = await requireJob(firestore, id);
      const { settings } = connect(variables);
      const folder = output !== undefined && isFolder(output) ? output : undefined;
      if (folder !== undefined) await mkdir(folder, { recursive: true });
      using limit = new ReadLimit();
      try {
        const bucket = folder === undefined ? undefined : new ResultFolder(folder);
        const opened = await openResults(record, settings, bucket, limit.signal);
        await print(opened, record, folder === undefined ? output : join(folder, 'results.jsonl'), limit, context);
      } catch (error) {
        throw readFailure(error, limit.signal);
      }
    },
    GEMINI,
  );
}

async function print(
  output: Output,
  record: JobRecord,
  path: string | undefined,
  limit: ReadLimit,
  { terminal }: Context,
): Promise<void> {
  if (output.kind === 'none') return terminal.note(`${record.jobId} ended as ${record.state} and has no results.`);
  if (output.kind === 'calls') {
    const { calls, text } = output;
    terminal.result({ jobId: record.jobId, calls, text }, () =>
      [text, JSON.stringify(calls, null, 2)].join('\n').trim(),
    );
    return;
  }
  const sink = sinkOf(path, terminal);
  const progress = new ResultProgress(terminal, record.results?.total ?? record.results?.expected);
  let count = 0;
  for await (const items of output.results) {
    limit.signal.throwIfAborted();
    limit.postpone();
    for (const item of items) {
      if (!('result' in item)) continue;
      await sink.write(item.result);
      count += 1;
      progress.advance(count, item.total);
    }
  }
  progress.end();
  await sink.end(count);
}

function isFolder(path: string): boolean {
  return path.endsWith('/') || (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false);
}

function sinkOf(path: string | undefined, terminal: Terminal): Sink {
  if (path !== undefined) return fileSink(path, terminal);
  return terminal.json ? linesSink() : tableSink(terminal);
}

/** The members of the result's message without the job, bytes as Gemini sent them. */
function lineOf(result: JobResult): string {
  const json = resultJson(result).toString();
  return `{"index":${result.index}${json === '{}' ? '' : `,${json.slice(1, -1)}`}}\n`;
}

function linesSink(): Sink {
  return {
    write: async (result) => {
      if (!process.stdout.write(lineOf(result))) await once(process.stdout, 'drain');
    },
    end: async () => {},
  };
}

function tableSink(terminal: Terminal): Sink {
  const rows: (readonly string[])[] = [];
  return {
    write: async (result) => {
      if (rows.length < MAX_ROWS) rows.push(rowOf(result));
    },
    end: async (count) => {
      terminal.result({}, () => (count === 0 ? 'No results.' : table(['INDEX', 'KEY', 'STATUS', 'TEXT'], rows)));
      if (count > rows.length)
        terminal.note(`These are ${rows.length} of ${count} results. Save all: --output=results.jsonl`);
    },
  };
}

function rowOf(result: JobResult): readonly string[] {
  const message = messageOf(result);
  const text = (typeof message['uri'] === 'string' ? message['uri'] : textIn(message)).replaceAll(/\s+/g, ' ').trim();
  const key = typeof message['key'] === 'string' ? message['key'] : result.key === undefined ? '' : String(result.key);
  const cut = text.length > TEXT_WIDTH ? `${text.slice(0, TEXT_WIDTH - 1)}…` : text;
  return [String(result.index), key, result.status, cut];
}

function fileSink(path: string, terminal: Terminal): Sink {
  const failed = (error: unknown) =>
    new CliError('NOT_WRITTEN', `--output ${path} cannot be written: ${reasonOf(error)}`, { cause: error });
  const file: WriteStream = createWriteStream(path);
  let failure: unknown;
  file.on('error', (error) => (failure = error));
  return {
    write: async (result) => {
      if (failure !== undefined) throw failed(failure);
      if (!file.write(lineOf(result))) await Promise.race([once(file, 'drain'), once(file, 'error')]).catch(() => {});
    },
    end: async (count) => {
      file.end();
      await finished(file).catch((error: unknown) => {
        throw failed(failure ?? error);
      });
      terminal.result({ output: path, results: count }, () => fields({ output: path, results: count }));
    },
  };
}

/** A bar where the number of results is known, from the record or from Gemini. */
class ResultProgress {
  readonly #terminal: Terminal;
  readonly #known: number | undefined;
  #counter: Counter | undefined;

  constructor(terminal: Terminal, known: number | undefined) {
    this.#terminal = terminal;
    this.#known = known;
  }

  advance(done: number, total = this.#known): void {
    if (total !== undefined) this.#counter ??= progressOf(this.#terminal, total, 'results');
    this.#counter?.advance(done);
  }

  end(): void {
    this.#counter?.end();
  }
}
