import { createWriteStream, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type JobResult, resultJson } from '../../functions/model/result.ts';
import type { Output, SourceItems } from '../../functions/results/sources/source.ts';
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
  const progress = new ResultProgress(terminal, record.results?.total ?? record.results?.expected);
  const results = readResults(output.results, limit, progress);
  if (path !== undefined) await writeFile(path, results, terminal);
  else if (terminal.json) await pipeline(Readable.from(linesOf(results)), process.stdout, { end: false });
  else await printTable(results, terminal);
}

async function* readResults(
  source: SourceItems,
  limit: ReadLimit,
  progress: ResultProgress,
): AsyncGenerator<JobResult> {
  let count = 0;
  for await (const items of source) {
    limit.signal.throwIfAborted();
    limit.postpone();
    for (const item of items) {
      if (!('result' in item)) continue;
      yield item.result;
      count += 1;
      progress.advance(count, item.total);
    }
  }
  progress.end();
}

function isFolder(path: string): boolean {
  return path.endsWith('/') || (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false);
}

/** Yields a line for each result: the members of its message without the job, bytes as Gemini sent them. */
async function* linesOf(results: AsyncIterable<JobResult>): AsyncGenerator<string> {
  for await (const result of results) {
    const json = resultJson(result).toString();
    yield `{"index":${result.index}${json === '{}' ? '' : `,${json.slice(1, -1)}`}}\n`;
  }
}

async function printTable(results: AsyncIterable<JobResult>, terminal: Terminal): Promise<void> {
  const rows: (readonly string[])[] = [];
  let count = 0;
  for await (const result of results) {
    if (count < MAX_ROWS) rows.push(rowOf(result));
    count += 1;
  }
  terminal.result({}, () => (count === 0 ? 'No results.' : table(['INDEX', 'KEY', 'STATUS', 'TEXT'], rows)));
  if (count > MAX_ROWS) terminal.note(`These are ${MAX_ROWS} of ${count} results. Save all: --output=results.jsonl`);
}

function rowOf(result: JobResult): readonly string[] {
  const message = messageOf(result);
  const text = (typeof message['uri'] === 'string' ? message['uri'] : textIn(message)).replaceAll(/\s+/g, ' ').trim();
  const key = typeof message['key'] === 'string' ? message['key'] : result.key === undefined ? '' : String(result.key);
  const cut = text.length > TEXT_WIDTH ? `${text.slice(0, TEXT_WIDTH - 1)}…` : text;
  return [String(result.index), key, result.status, cut];
}

async function writeFile(path: string, results: AsyncIterable<JobResult>, terminal: Terminal): Promise<void> {
  let count = 0;
  async function* counted(): AsyncGenerator<string> {
    for await (const line of linesOf(results)) {
      yield line;
      count += 1;
    }
  }
  try {
    await pipeline(Readable.from(counted()), createWriteStream(path));
  } catch (error) {
    // Failures to read are translated before, so only the file system's are system errors.
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    throw new CliError('NOT_WRITTEN', `--output ${path} cannot be written: ${reasonOf(error)}`, { cause: error });
  }
  terminal.result({ output: path, results: count }, () => fields({ output: path, results: count }));
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
