import { setTimeout as sleep } from 'node:timers/promises';

/** What is worth another try, and how long the other side wants to be left alone. */
export type Transience = (error: unknown) => { readonly retryAfterSeconds?: number | undefined } | undefined;

const FIRST_PAUSE_MILLIS = 500;
export const LONGEST_PAUSE_MILLIS = 16_000;

/**
 * Pauses between tries that failed: each twice as long as the last, with jitter, so that many instances do not come back
 * at the same moment. Progress in between starts them anew.
 */
export class Backoff {
  #tries = 0;

  reset(): void {
    this.#tries = 0;
  }

  /** @throws the signal's reason, when it is aborted meanwhile. */
  async pause(signal: AbortSignal, atLeastSeconds = 0): Promise<void> {
    const growing = Math.min(LONGEST_PAUSE_MILLIS, FIRST_PAUSE_MILLIS * 2 ** this.#tries);
    this.#tries += 1;
    await pause(Math.max(growing * (0.5 + Math.random() / 2), atLeastSeconds * 1_000), signal);
  }
}

/**
 * Does work until it succeeds, fails for good, or the signal ends it.
 *
 * @throws whatever the work threw last where trying again is no use, otherwise the signal's reason.
 */
export async function retrying<T>(work: () => Promise<T>, isTransient: Transience, signal: AbortSignal): Promise<T> {
  const backoff = new Backoff();
  for (;;) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      const transient = isTransient(error);
      if (transient === undefined) throw error;
      await backoff.pause(signal, transient.retryAfterSeconds);
    }
  }
}

/**
 * Waits for work no longer than a signal lets it. Not all that is given a signal ends with it: of a `Request` that has
 * been collected as garbage, `fetch` no longer hears.
 *
 * @throws the signal's reason, when it is aborted first; otherwise whatever the work throws.
 */
export async function withSignal<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

async function pause(millis: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(millis, undefined, { signal });
  } catch {
    signal.throwIfAborted();
  }
}
