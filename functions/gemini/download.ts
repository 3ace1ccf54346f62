import { Backoff } from '../runtime/retry.ts';
import { GeminiError, toGeminiError } from './errors.ts';
import type { GeminiHttp, OpenAnswer } from './http.ts';

/** A connection that brings nothing for so long is given up, and the download goes on over another. */
const STALL_MILLIS = 30_000;

/** Answers that are no whole file: a part of it, and none because there is no such part. */
const PARTS: ReadonlySet<number> = new Set([206, 416]);

/** What a server that knows no ranges may answer to one, though the file is there. */
const RANGE_REFUSALS: ReadonlySet<number | undefined> = new Set([400, 501]);
const OUT_OF_RANGE = 'OUT_OF_RANGE';

/** A file, as much of it as is here. */
interface Arrival {
  /** Of the next byte. */
  position: number;
  /** Where the file ends, once an answer has said it, or was the whole. */
  size: number | undefined;
  /** Whether the rest is asked for by a range; not any more once one was refused. */
  byRange: boolean;
}

/**
 * The bytes of a generated file from `start`, whatever happens to the connections that bring them.
 *
 * A download that is cut goes on with a range; where ranges are refused it begins anew, and what was here already is
 * skipped. Where a part ends the file need not end: the rest is asked for until an answer says that there is none.
 * Failures of the other side are tried again, with pauses, for as long as the signal lets it.
 *
 * @param name as `batches.get` gives it, `files/…`: an output's id is too long for `files.get` (G 1.9).
 * @throws {GeminiError} that is final: the file is gone, foreign, or refused; or the signal's reason.
 */
export async function* download(
  gemini: GeminiHttp,
  name: string,
  start: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const backoff = new Backoff();
  const file: Arrival = { position: start, size: undefined, byRange: true };
  while (file.position !== file.size) {
    const range = file.byRange && file.position > 0 ? { range: `bytes=${file.position}-` } : undefined;
    try {
      for await (const bytes of nextPart(gemini, name, file, range, signal)) {
        file.position += bytes.length;
        backoff.reset();
        yield bytes;
      }
    } catch (error) {
      signal.throwIfAborted();
      const failure = toGeminiError(error);
      if (range && isRangeRefused(failure)) file.byRange = false;
      else if (!failure.isTransient) throw failure;
      else await backoff.pause(signal, failure.retryAfterSeconds);
    }
  }
}

async function* nextPart(
  gemini: GeminiHttp,
  name: string,
  file: Arrival,
  range: { readonly range: string } | undefined,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const { position } = file;
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(new Error('The download stalled.')), STALL_MILLIS);
  try {
    const either = AbortSignal.any([signal, ending.signal]);
    const answer = await gemini.open(`${name}:download?alt=media`, either, range);
    const { first, size } = placeOf(answer);
    file.size = size;
    if (size === position) return;
    if (first > position) throw outOfRange();
    let toSkip = position - first;
    for await (const chunk of answer.body) {
      timer.refresh();
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).subarray(toSkip);
      toSkip -= chunk.byteLength - bytes.length;
      if (bytes.length > 0) yield bytes;
      timer.refresh();
    }
    if (!PARTS.has(answer.status) && toSkip === 0) file.size = file.position;
    if (file.position === position && file.size !== position) throw outOfRange();
  } finally {
    clearTimeout(timer);
    // An answer that is not read to its end would keep its connection.
    ending.abort();
  }
}

/** Where an answer begins, beyond every end if it does not say it, and where it says that the file ends. */
function placeOf({ status, headers }: OpenAnswer): { readonly first: number; readonly size: number | undefined } {
  if (!PARTS.has(status)) return { first: 0, size: undefined };
  const [, first = Infinity, size] =
    /^bytes (?:(\d+)-\d+|\*)\/(?:(\d+)|\*)$/.exec(headers.get('content-range') ?? '') ?? [];
  return { first: Number(first), size: size === undefined ? undefined : Number(size) };
}

/** Whether the same without a range may be answered otherwise. */
function isRangeRefused({ httpStatus, status }: GeminiError): boolean {
  return status === OUT_OF_RANGE || RANGE_REFUSALS.has(httpStatus);
}

function outOfRange(): GeminiError {
  return new GeminiError('Gemini answered with another part of the file than was asked for.', { status: OUT_OF_RANGE });
}
