/** The open containers around a place in JSON, a byte each. */
export class OpenContainers {
  #isObject = new Uint8Array(64);
  #depth = 0;
  #deepest = 0;

  get depth(): number {
    return this.#depth;
  }

  /** The greatest depth so far. */
  get deepest(): number {
    return this.#deepest;
  }

  /** `true` where the innermost container is an object. */
  get isObject(): boolean {
    return this.#isObject[this.#depth] === 1;
  }

  open(isObject: boolean): void {
    this.#depth += 1;
    if (this.#depth > this.#deepest) this.#deepest = this.#depth;
    if (this.#depth === this.#isObject.length) this.#grow();
    this.#isObject[this.#depth] = isObject ? 1 : 0;
  }

  close(): void {
    this.#depth -= 1;
  }

  #grow(): void {
    const larger = new Uint8Array(this.#isObject.length * 2);
    larger.set(this.#isObject);
    this.#isObject = larger;
  }
}
