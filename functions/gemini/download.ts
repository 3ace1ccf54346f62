import { Backoff } from '../runtime/retry.ts';
import { pauseAfter } from './callWithRetry.ts';
import { GeminiError, toGeminiError } from './errors.ts';
import type { GeminiHttp, OpenResponse } from './http.ts';

/** The longest time without a byte; then the download resumes over another connection. */
export const STALL_MILLIS = 30_000;

/** Statuses of answers that hold a part of the file, or say that the part does not exist. */
const PARTS: ReadonlySet<number> = new Set([206, 416]);

/** Statuses with which a server that does not know ranges may refuse one, although the file exists. */
const RANGE_REFUSALS: ReadonlySet<number | undefined> = new Set([400, 501]);
const OUT_OF_RANGE = 'OUT_OF_RANGE';

/** The progress of a download. */
interface DownloadState {
  /** Offset of the next byte. */
  position: number;
  /** Size of the file in bytes, once an answer has given it or has ended as the whole file. */
  size: number | undefined;
  /** Set while the rest is requested by a range; cleared once one was refused. */
  byRange: boolean;
}

/**
 * Yields the bytes of a generated file from `start`, across broken connections.
 *
 * A cut download resumes with a range. Where ranges are refused it starts again and skips the bytes that were read. An
 * answer may hold a part of the file only: the rest is requested until an answer gives the end. Transient failures are
 * retried with growing pauses until the signal aborts.
 *
 * @param name `files/…` as `batches.get` gives it; `files.get` refuses an output's id (docs/gemini-wire.md 1.9).
 * @throws {GeminiError} the first failure that is not transient, or the last one before the signal aborted; otherwise
 *   the signal's reason.
 */
export async function* download(
  gemini: GeminiHttp,
  name: string,
  start: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const backoff = new Backoff();
  const file: DownloadState = { position: start, size: undefined, byRange: true };
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
      else await pauseAfter(failure, backoff, signal);
    }
  }
}

async function* nextPart(
  gemini: GeminiHttp,
  name: string,
  file: DownloadState,
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
    // An answer that is not read to its end keeps its connection.
    ending.abort();
  }
}

/** Returns the offset at which an answer begins (infinite where it does not say) and the file's size where it does. */
function placeOf({ status, headers }: OpenResponse): { readonly first: number; readonly size: number | undefined } {
  if (!PARTS.has(status)) return { first: 0, size: undefined };
  const [, first = Infinity, size] =
    /^bytes (?:(\d+)-\d+|\*)\/(?:(\d+)|\*)$/.exec(headers.get('content-range') ?? '') ?? [];
  return { first: Number(first), size: size === undefined ? undefined : Number(size) };
}

/** Returns true where the same request without a range may succeed. */
function isRangeRefused({ httpStatus, status }: GeminiError): boolean {
  return status === OUT_OF_RANGE || RANGE_REFUSALS.has(httpStatus);
}

function outOfRange(): GeminiError {
  return new GeminiError('Gemini answered with another part of the file than requested.', { status: OUT_OF_RANGE });
}
