import { withSignal } from '../runtime/race.ts';
import { type Backoff, retrying } from '../runtime/retry.ts';
import { GeminiError, toGeminiError } from './errors.ts';

/** The time-out of one attempt, which is then repeated. */
export const ATTEMPT_MILLIS = 30_000;

/** Gemini's request to wait for longer than this ends the attempt: Pub/Sub waits at no cost. */
const MAX_RETRY_AFTER_SECONDS = 60;

/**
 * Calls Gemini, and repeats the call with growing pauses while the failure is transient.
 *
 * @param call one attempt, which its signal aborts.
 * @throws {GeminiError} the first failure that is not transient; when the signal aborts, the last failure, or the
 *   signal's reason where there was none.
 */
export async function callWithRetry<T>(
  call: (attempt: AbortSignal) => Promise<T>,
  signal: AbortSignal,
  attemptMillis = ATTEMPT_MILLIS,
): Promise<T> {
  const attempt = async () => {
    const either = AbortSignal.any([signal, AbortSignal.timeout(attemptMillis)]);
    try {
      return await withSignal(call(either), either);
    } catch (error) {
      signal.throwIfAborted();
      throw toGeminiError(error);
    }
  };
  const transienceOf = (error: unknown) => (error instanceof GeminiError && isRetriable(error) ? error : undefined);
  return await retrying(attempt, { transienceOf, signal });
}

/**
 * Pauses after a transient failure of a read that resumes where it stopped.
 *
 * @throws {GeminiError} the failure itself, where it is not transient or the signal aborts during the pause.
 */
export async function pauseAfter(failure: GeminiError, backoff: Backoff, signal: AbortSignal): Promise<void> {
  if (!isRetriable(failure)) throw failure;
  try {
    await backoff.pause(signal, failure.retryAfterSeconds);
  } catch {
    throw failure;
  }
}

function isRetriable({ isTransient, retryAfterSeconds = 0 }: GeminiError): boolean {
  return isTransient && retryAfterSeconds <= MAX_RETRY_AFTER_SECONDS;
}
