import { type BatchEnd, batchState, type Part, partsOf } from '../../gemini/batchOperation.ts';
import { isBatchName } from '../../gemini/names.ts';
import { pauseAfter } from '../../gemini/callWithRetry.ts';
import { download } from '../../gemini/download.ts';
import { GeminiError, toGeminiError } from '../../gemini/errors.ts';
import type { GeminiHttp } from '../../gemini/http.ts';
import { announcementOf } from '../../model/eventTypes.ts';
import { type JsonObject, stringAt } from '../../model/json.ts';
import { Backoff } from '../../runtime/retry.ts';
import { entryResult } from '../entry.ts';
import { smallEntryResult } from '../smallEntry.ts';
import { InlineResults } from './inlineResults.ts';
import { readLines } from './lines.ts';
import { NO_OUTPUT, noOutput } from './noOutput.ts';
import type { ResumePoint, SourceItem } from './source.ts';

/** The time for which an attempt waits for the batch to name its output. */
const OUTPUT_WAIT_MILLIS = 4_000;

/** The operation as far as it has been read, over all answers. */
interface SeenOperation extends BatchEnd {
  hasInline: boolean;
  file?: string;
}

/** A batch whose results are read. */
interface BatchSource {
  readonly name: string;
  readonly pointer: string | undefined;
  readonly hasSucceeded: boolean;
  readonly eventTime: Date;
}

/**
 * Yields the results of a batch: lines of its output file, or inline responses.
 *
 * The operation is read as a stream, because it holds all inline responses, twice (docs/gemini-wire.md 7.4).
 *
 * @param batch.pointer the output that the event names, for a batch that names none itself.
 * @param batch.hasSucceeded set where the event announces success: then there is an output.
 * @param batch.eventTime the start of the time after which a missing output is final.
 * @throws {GeminiError} or the signal's reason.
 */
export async function* batchResults(
  gemini: GeminiHttp,
  batch: BatchSource,
  start: ResumePoint,
  signal: AbortSignal,
): AsyncGenerator<readonly SourceItem[]> {
  if (!isBatchName(batch.name))
    throw GeminiError.final('INVALID_ARGUMENT', `${batch.name} is not the name of a batch.`);
  const backoff = new Backoff();
  const outputWaitEnds = performance.now() + OUTPUT_WAIT_MILLIS;
  const seen: SeenOperation = { hasInline: false };
  const inline = new InlineResults(start);
  for (let isRead = false; !isRead;) {
    try {
      const { body } = await gemini.open(batch.name, signal);
      for await (const items of operationResults(body, seen, inline)) {
        yield items;
        backoff.reset();
      }
      requireEnded(seen);
      if (batch.hasSucceeded) requireOutput(seen, batch);
      isRead = true;
    } catch (error) {
      signal.throwIfAborted();
      const failure = toGeminiError(error);
      const isLate = failure.status === NO_OUTPUT && !failure.isFinal && performance.now() < outputWaitEnds;
      await pauseAfter(
        isLate ? new GeminiError(failure.message, { status: NO_OUTPUT, disposition: 'retry' }) : failure,
        backoff,
        signal,
      );
    }
  }
  if (seen.hasInline) return;
  const file = fileNameIn(seen.file) ?? fileNameIn(batch.pointer);
  if (file !== undefined) yield* fileResults(gemini, file, start, signal);
}

/** Yields the inline responses of one answer and notes the rest. */
async function* operationResults(
  body: AsyncIterable<Uint8Array>,
  seen: SeenOperation,
  inline: InlineResults,
): AsyncGenerator<readonly SourceItem[]> {
  inline.restart();
  for await (const part of partsOf(body)) {
    note(part, seen);
    if (part.kind === 'total') yield [{ expected: part.total }];
    if (part.kind === 'inlineEnd') inline.restart();
    if (part.kind !== 'inline') continue;
    // The second copy of the inline responses follows all that decides.
    if (part.isRepeat && seen.state !== undefined) return;
    const result = await inline.next(part);
    if (result) yield [result];
  }
}

function note(part: Part, seen: SeenOperation): void {
  if (part.kind === 'file') seen.file = part.name;
  if (part.kind === 'state') seen.state = part.state;
  if (part.kind === 'done') seen.isDone = true;
  if (part.kind === 'error') seen.error = part;
  if (part.kind === 'inline' || part.kind === 'inlineEnd') seen.hasInline = true;
}

function requireEnded(seen: SeenOperation): void {
  const state = batchState(seen);
  if (announcementOf('batch', state.toLowerCase()) === undefined)
    throw new GeminiError(`The batch is ${state || 'in no state'} at Gemini, although its event has arrived.`);
}

/** A batch that has not succeeded at Gemini never names an output; one that has names it soon. */
function requireOutput(seen: SeenOperation, { pointer, eventTime }: BatchSource): void {
  if (seen.hasInline || (fileNameIn(seen.file) ?? fileNameIn(pointer)) !== undefined) return;
  const state = batchState(seen);
  const reason = seen.error ? `: ${seen.error.message}` : '';
  const message = `The batch has ended as ${state} and names no output at Gemini${reason}.`;
  throw announcementOf('batch', state.toLowerCase()) === 'batch.succeeded'
    ? noOutput(message, eventTime)
    : GeminiError.final(NO_OUTPUT, message);
}

/** Yields the lines of an output file from where the last attempt stopped. */
async function* fileResults(
  gemini: GeminiHttp,
  name: string,
  start: ResumePoint,
  signal: AbortSignal,
): AsyncGenerator<readonly SourceItem[]> {
  let index = start.published;
  for await (const lines of readLines(download(gemini, name, start.position, signal), start.position)) {
    const items: SourceItem[] = [];
    for (const line of lines) {
      const result = smallEntryResult(line, index) ?? (await entryResult(line, index, 'INVALID_LINE'));
      items.push({ result, position: line.end });
      index += 1;
    }
    yield items;
  }
}

/** Returns the name in any form of a file's address; `gs://` is not Gemini's (docs/gemini-wire.md 1.7). */
export function fileNameIn(pointer: string | undefined): string | undefined {
  const [, id] = /(?:^|\/)files\/([A-Za-z0-9_-]+)(?::|$|\?)/.exec(pointer ?? '') ?? [];
  return id === undefined || pointer?.startsWith('gs:') ? undefined : `files/${id}`;
}

/** Returns the address of the output that an event gives. */
export function pointerIn(data: JsonObject): string | undefined {
  return stringAt(data, 'output_file_uri') ?? stringAt(data, 'video_uri') ?? stringAt(data, 'file_name');
}
