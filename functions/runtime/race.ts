/**
 * Waits for work, or for an interruption. The work itself continues: what it does later must be safe.
 *
 * @param arm registers what interrupts the wait, and returns how to unregister it.
 */
async function race<T>(work: Promise<T>, arm: (interrupt: (reason: unknown) => void) => () => void): Promise<T> {
  const { promise: interrupted, reject } = Promise.withResolvers<never>();
  const disarm = arm(reject);
  try {
    return await Promise.race([work, interrupted]);
  } finally {
    disarm();
  }
}

/** Waits for work no longer than `millis`, and then throws the error of `timeout`. */
export async function withTimeout<T>(work: Promise<T>, millis: number, timeout: () => Error): Promise<T> {
  return await race(work, (interrupt) => {
    const timer = setTimeout(() => interrupt(timeout()), millis);
    return () => clearTimeout(timer);
  });
}

/**
 * Waits for work until a signal aborts, and then throws the signal's reason. A library may ignore its signal: `fetch` does, once
 * the signal's `Request` has been garbage collected.
 */
export async function withSignal<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return await race(work, (interrupt) => {
    const abort = () => interrupt(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    return () => signal.removeEventListener('abort', abort);
  });
}
