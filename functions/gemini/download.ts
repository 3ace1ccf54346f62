import { Backoff } from '../platform/retry.ts';
import { GeminiError, toGeminiError } from './errors.ts';
import type { GeminiHttp, OpenAnswer } from './http.ts';

/** A connection that brings nothing for so long is given up, and the download goes on over another. */
const STALL_MILLIS = 30_000;

/**
 * The bytes of a generated file from `start`, whatever happens to the connections that bring them.
 *
 * A download that is cut goes on with a range; where ranges are not honoured it begins anew, and what was here already
 * is skipped. Refusals and failures of the other side are tried again, with pauses, for as long as the signal lets it.
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
  let position = start;
  for (;;) {
    try {
      for await (const bytes of readFrom(gemini, name, position, signal)) {
        position += bytes.length;
        backoff.reset();
        yield bytes;
      }
      return;
    } catch (error) {
      signal.throwIfAborted();
      const failure = toGeminiError(error);
      if (!failure.isTransient) throw failure;
      await backoff.pause(signal, failure.retryAfterSeconds);
    }
  }
}

async function* readFrom(
  gemini: GeminiHttp,
  name: string,
  position: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const stalled = new AbortController();
  const timer = setTimeout(() => stalled.abort(new Error('The download stalled.')), STALL_MILLIS);
  const range = position > 0 ? { range: `bytes=${position}-` } : {};
  try {
    const either = AbortSignal.any([signal, stalled.signal]);
    const answer = await openFrom(gemini, `${name}:download?alt=media`, position, either, range);
    if (answer === undefined) return;
    let toSkip = skippedBy(answer, position);
    for await (const chunk of answer.body) {
      timer.refresh();
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).subarray(toSkip);
      toSkip -= chunk.byteLength - bytes.length;
      if (bytes.length > 0) yield bytes;
      timer.refresh();
    }
  } finally {
    clearTimeout(timer);
  }
}

/** @returns `undefined` where the file ends at the position: everything is here. */
async function openFrom(
  gemini: GeminiHttp,
  path: string,
  position: number,
  signal: AbortSignal,
  headers: Readonly<Record<string, string>>,
): Promise<OpenAnswer | undefined> {
  try {
    return await gemini.open(path, signal, headers);
  } catch (error) {
    const isAtEnd = error instanceof GeminiError && error.httpStatus === 416 && position > 0;
    if (isAtEnd) return undefined;
    throw error;
  }
}

/** How many bytes of the answer were here before: none of a part that begins where we are, all of them of a whole. */
function skippedBy({ status, headers }: OpenAnswer, position: number): number {
  if (status !== 206) return position;
  const [, first] = /^bytes (\d+)-/.exec(headers.get('content-range') ?? '') ?? [];
  if (first !== undefined && Number(first) <= position) return position - Number(first);
  throw new GeminiError('Gemini answered with another part of the file than was asked for.');
}
