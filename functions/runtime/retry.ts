import { setTimeout as sleep } from 'node:timers/promises';
import pRetry from 'p-retry';

/** The pauses between attempts: each twice as long as the last up to a maximum, with jitter. */
interface Pauses {
  readonly firstMillis: number;
  readonly maxMillis: number;
}

/** Pauses for a service that is overloaded or unreachable. */
export const SERVICE_PAUSES: Pauses = { firstMillis: 500, maxMillis: 16_000 };

/** Describes a failure that is worth another attempt, and the pause that the other side asks for. */
type Transience = (error: unknown) => { readonly retryAfterSeconds?: number | undefined } | undefined;

interface RetryOptions {
  /** Returns `undefined` for a failure that no other attempt can repair. */
  readonly transienceOf: Transience;
  readonly pauses?: Pauses;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Repeats work until it succeeds, fails for good, or the signal aborts.
 *
 * @throws the failure that is not transient; when the signal aborts, the last failure, or the signal's reason where there
 *   was none.
 */
export async function retrying<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { transienceOf, pauses = SERVICE_PAUSES, signal } = options;
  const outcome: { result?: { readonly value: T }; failure?: { readonly error: unknown } } = {};
  const attempt = async () => {
    try {
      outcome.result = { value: await work() };
    } catch (error) {
      if (!signal?.aborted || error !== signal.reason) outcome.failure = { error };
      throw error;
    }
  };
  try {
    await pRetry(attempt, {
      retries: Infinity,
      minTimeout: pauses.firstMillis,
      maxTimeout: pauses.maxMillis,
      randomize: true,
      ...(signal ? { signal } : {}),
      shouldRetry: ({ error }) => transienceOf(error) !== undefined,
      onFailedAttempt: async ({ error }) => {
        signal?.throwIfAborted();
        await pause((transienceOf(error)?.retryAfterSeconds ?? 0) * 1_000, signal);
      },
    });
  } catch (error) {
    // An abort after the work has succeeded does not undo it.
    if (outcome.result === undefined) throw signal?.aborted && outcome.failure ? outcome.failure.error : error;
  }
  if (outcome.result === undefined) throw new Error('The retries ended without a result.');
  return outcome.result.value;
}

/** The pauses of a read that resumes where it stopped: progress starts them anew. */
export class Backoff {
  #failures = 0;

  reset(): void {
    this.#failures = 0;
  }

  /** @throws the signal's reason, when it aborts during the pause. */
  async pause(signal: AbortSignal, retryAfterSeconds = 0): Promise<void> {
    const { firstMillis, maxMillis } = SERVICE_PAUSES;
    const growing = Math.min(maxMillis, firstMillis * 2 ** this.#failures);
    this.#failures += 1;
    await pause(Math.max(growing * (0.5 + Math.random() / 2), retryAfterSeconds * 1_000), signal);
  }
}

async function pause(millis: number, signal: AbortSignal | undefined): Promise<void> {
  if (millis === 0) return;
  try {
    await sleep(millis, undefined, signal ? { signal } : {});
  } catch {
    signal?.throwIfAborted();
  }
}
