import { partsOf, stateName } from '../../gemini/batchOperation.ts';
import { isBatchName } from '../../gemini/names.ts';
import { download } from '../../gemini/download.ts';
import { GeminiError, toGeminiError } from '../../gemini/errors.ts';
import type { GeminiHttp } from '../../gemini/http.ts';
import { announcementOf } from '../../model/eventTypes.ts';
import { type JsonObject, stringAt } from '../../model/json.ts';
import { Backoff } from '../../runtime/retry.ts';
import { inlineResult, lineResult } from './entries.ts';
import { readLines } from './lines.ts';
import type { Found, Start } from './source.ts';

/** What the operation has said so far, over as many answers as it took. */
interface Seen {
  /** The index of the next inline response. */
  next: number;
  hasInline: boolean;
  file?: string;
  state?: string;
  total?: number;
}

/**
 * The results of a batch: lines of its output file, or inline responses.
 *
 * The operation is read as a stream, since it holds all inline responses, and holds them twice (G 7.4).
 *
 * @param batch.pointer the output as the event names it, for a batch that names none itself.
 * @param batch.hasSucceeded as the event says: then there is an output.
 * @throws {GeminiError} that is final, or the signal's reason.
 */
export async function* batchResults(
  gemini: GeminiHttp,
  batch: { readonly name: string; readonly pointer: string | undefined; readonly hasSucceeded: boolean },
  start: Start,
  signal: AbortSignal,
): AsyncGenerator<Found> {
  if (!isBatchName(batch.name))
    throw new GeminiError('This is no name of a batch.', { httpStatus: 400, status: 'INVALID_ARGUMENT' });
  const backoff = new Backoff();
  const seen: Seen = { next: start.published, hasInline: false };
  for (;;) {
    try {
      const { body } = await gemini.open(batch.name, signal);
      for await (const part of partsOf(body)) {
        if (part.kind === 'file') seen.file = part.name;
        if (part.kind === 'state') seen.state = part.state;
        if (part.kind === 'total') seen.total = part.total;
        if (part.kind === 'inline') seen.hasInline = true;
        if (part.kind === 'inline' && part.index === seen.next) {
          seen.next += 1;
          yield { result: inlineResult(part.entry, part.index), position: seen.next, total: seen.total };
          backoff.reset();
        }
      }
      requireEnded(seen.state);
      break;
    } catch (error) {
      signal.throwIfAborted();
      const failure = toGeminiError(error);
      if (!failure.isTransient) throw failure;
      await backoff.pause(signal, failure.retryAfterSeconds);
    }
  }
  if (seen.hasInline) return;
  const file = fileNameIn(seen.file) ?? fileNameIn(batch.pointer);
  if (file !== undefined) yield* fileResults(gemini, file, start, signal, seen.total);
  else if (batch.hasSucceeded) throw noOutput(seen.state);
}

function requireEnded(state = ''): void {
  const name = stateName(state);
  if (announcementOf('batch', name.toLowerCase()) === undefined)
    throw new GeminiError(`Gemini says that the batch is ${name || 'in no state'}, though its event has come.`);
}

function noOutput(state = ''): GeminiError {
  const message = `The batch has ended as ${stateName(state)}, and names no output at Gemini.`;
  return new GeminiError(message, { httpStatus: 404, status: 'NO_OUTPUT' });
}

/** The lines of an output file from where the last reader left off. */
async function* fileResults(
  gemini: GeminiHttp,
  name: string,
  start: Start,
  signal: AbortSignal,
  total: number | undefined,
): AsyncGenerator<Found> {
  let index = start.published;
  for await (const line of readLines(download(gemini, name, start.position, signal), start.position)) {
    yield { result: lineResult(line, index), position: line.end, total };
    index += 1;
  }
}

/** The name in any form of a file's address; `gs://` is not Gemini's (G 1.7). */
export function fileNameIn(pointer: string | undefined): string | undefined {
  const [, id] = /(?:^|\/)files\/([A-Za-z0-9_-]+)(?::|$|\?)/.exec(pointer ?? '') ?? [];
  return id === undefined || pointer?.startsWith('gs:') ? undefined : `files/${id}`;
}

/** What an event says of its job's output. */
export function pointerIn(data: JsonObject): string | undefined {
  return stringAt(data, 'output_file_uri') ?? stringAt(data, 'video_uri') ?? stringAt(data, 'file_name');
}
