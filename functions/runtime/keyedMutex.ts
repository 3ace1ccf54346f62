/**
 * A queue for each key: whoever takes a turn waits for those before, whether they succeed or not.
 *
 * Many writers of one document at once would take it from each other again and again; inside an instance they need not.
 */
export class KeyedMutex {
  readonly #last = new Map<string, Promise<unknown>>();

  /** @param work is told whether it has had to wait: what was read before may have changed. */
  async take<T>(key: string, work: (hasWaited: boolean) => Promise<T>): Promise<T> {
    const last = this.#last.get(key);
    const afterwards = async () => await work(true);
    const turn = last ? last.then(afterwards, afterwards) : work(false);
    this.#last.set(key, turn);
    try {
      return await turn;
    } finally {
      if (this.#last.get(key) === turn) this.#last.delete(key);
    }
  }
}
