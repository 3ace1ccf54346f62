/** Values that are made once for each key, also by simultaneous callers. */
export class Once<Key, Value> {
  readonly #values = new Map<Key, Promise<Value>>();

  async get(key: Key, make: () => Promise<Value>): Promise<Value> {
    const value = this.#values.get(key) ?? make();
    this.#values.set(key, value);
    return await value;
  }
}
