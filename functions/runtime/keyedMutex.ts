/**
 * A queue for each key: work waits for the work before it, whether that succeeds or fails.
 *
 * Writers of one document in one instance would make each other's commits fail again and again.
 */
export class KeyedMutex {
  readonly #last = new Map<string, Promise<unknown>>();

  /** @param work takes `true` where it has waited, so that what was read before may have changed. */
  async run<T>(key: string, work: (hasWaited: boolean) => Promise<T>): Promise<T> {
    const last = this.#last.get(key);
    const afterwards = async () => await work(true);
    const running = last ? last.then(afterwards, afterwards) : work(false);
    this.#last.set(key, running);
    try {
      return await running;
    } finally {
      if (this.#last.get(key) === running) this.#last.delete(key);
    }
  }
}
