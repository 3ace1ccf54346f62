import { partsOf, stateName } from '../gemini/batchOperation.ts';
import { isBatchName } from '../gemini/names.ts';
import { download } from '../gemini/download.ts';
import { GeminiError, toGeminiError } from '../gemini/errors.ts';
import type { GeminiHttp } from '../gemini/http.ts';
import { isJsonObject, type JsonObject, stringAt } from '../model/json.ts';
import { errorResult, type JobResult, MAX_MESSAGE_BYTES, resultOf } from '../model/result.ts';
import { Backoff } from '../platform/retry.ts';
import { type Line, MAX_LINE_BYTES, readLines } from './lines.ts';
import type { Found, Start } from './outputs.ts';
import { slicesOf } from './slices.ts';

const NOT_FINAL = new Set(['PENDING', 'RUNNING', 'QUEUED', 'UPDATING', 'PAUSED']);

/**
 * The results of a batch: lines of its output file, or inline responses.
 *
 * The operation is read as a stream, since it holds all inline responses, and holds them twice (G 7.4).
 *
 * @param pointer the output as the event names it, for a batch that names none itself.
 * @throws {GeminiError} that is final, or the signal's reason.
 */
export async function* batchResults(
  gemini: GeminiHttp,
  batch: { readonly name: string; readonly pointer: string | undefined },
  start: Start,
  signal: AbortSignal,
): AsyncGenerator<Found> {
  if (!isBatchName(batch.name))
    throw new GeminiError('This is no name of a batch.', { httpStatus: 400, status: 'INVALID_ARGUMENT' });
  const backoff = new Backoff();
  const seen: { next: number; file?: string; state?: string; total?: number } = { next: start.published };
  for (;;) {
    try {
      const { body } = await gemini.open(batch.name, signal);
      for await (const part of partsOf(body)) {
        if (part.kind === 'file') seen.file = part.name;
        else if (part.kind === 'state') seen.state = part.state;
        else if (part.kind === 'total') seen.total = part.total;
        else if (part.kind === 'inline' && part.index === seen.next) {
          seen.next += 1;
          yield { result: inlineResult(part.entry, part.index), position: seen.next, total: seen.total };
          backoff.reset();
        }
      }
      requireFinal(seen.state);
      break;
    } catch (error) {
      signal.throwIfAborted();
      const failure = toGeminiError(error);
      if (!failure.isTransient) throw failure;
      await backoff.pause(signal, failure.retryAfterSeconds);
    }
  }
  const file = seen.file ?? (seen.next === 0 ? fileNameIn(batch.pointer) : undefined);
  if (file !== undefined) yield* fileResults(gemini, file, start, signal, seen.total);
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

/** A line that is no JSON object is an error with its bytes: never dropped, never fatal. */
export function lineResult({ bytes, length }: Line, index: number): JobResult {
  if (bytes === undefined) {
    return errorResult(index, 'LINE_TOO_LONG', `The line is longer than ${MAX_LINE_BYTES} bytes.`, { bytes: length });
  }
  try {
    const result = length > MAX_MESSAGE_BYTES ? largeResult(bytes, index) : smallResult(bytes, index);
    if (result) return result;
  } catch {
    // Reported below, together with JSON that is no object.
  }
  const raw = { bytes: length, rawBase64: bytes.toString('base64') };
  return errorResult(index, 'INVALID_LINE', 'The line is no JSON object; its bytes are in rawBase64.', raw);
}

function smallResult(bytes: Buffer, index: number): JobResult | undefined {
  const entry: unknown = JSON.parse(bytes.toString('utf8'));
  return isJsonObject(entry) ? resultOf(entry, index, bytes.subarray(bytes.indexOf('{'))) : undefined;
}

/** What goes to the bucket anyway is not parsed: that would take many times its size in memory. */
function largeResult(bytes: Buffer, index: number): JobResult | undefined {
  const slices = slicesOf(bytes);
  if (slices === undefined) return undefined;
  const [key, response, error] = ['key', 'response', 'error'].map((name) => nonNull(slices.get(name)));
  const content = error ?? response;
  if (content === undefined || content.length < MAX_MESSAGE_BYTES / 2) return smallResult(bytes, index);
  const name = key === undefined ? {} : { key: String(JSON.parse(key.toString('utf8'))) };
  return { index, ...name, status: error ? 'error' : 'ok', fields: name, content };
}

function nonNull(json: Buffer | undefined): Buffer | undefined {
  return json?.length === 4 && json.toString() === 'null' ? undefined : json;
}

function inlineResult(entry: unknown, index: number): JobResult {
  return isJsonObject(entry)
    ? resultOf(entry, index)
    : errorResult(index, 'INVALID_RESPONSE', 'The inline response is no JSON object.');
}

function requireFinal(state = ''): void {
  const name = stateName(state);
  if (NOT_FINAL.has(name)) throw new GeminiError(`Gemini says that the batch is ${name}, though its event has come.`);
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
