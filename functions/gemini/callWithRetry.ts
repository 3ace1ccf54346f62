import { withSignal, retrying } from '../runtime/retry.ts';
import { GeminiError, toGeminiError } from './errors.ts';

/** An attempt that is not answered by then is given up, and another one made. */
const ATTEMPT_MILLIS = 30_000;

/**
 * Asks Gemini until it answers for good.
 *
 * @param call one attempt; the signal that it is given ends it.
 * @throws {GeminiError} that is final, or the signal's reason.
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
      throw toGeminiError(error);
    }
  };
  return await retrying(
    attempt,
    (error) => (error instanceof GeminiError && error.isTransient ? error : undefined),
    signal,
  );
}
