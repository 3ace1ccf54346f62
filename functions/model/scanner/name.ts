/** Longer names match no pattern; they read as an empty string. */
const MAX_BYTES = 1_024;

/** A member's name, collected from the pieces between its quotes. */
export class JsonName {
  #pieces: Buffer[] = [];
  #length = 0;

  clear(): void {
    this.#pieces = [];
    this.#length = 0;
  }

  add(piece: Buffer): void {
    this.#length += piece.length;
    if (this.#length <= MAX_BYTES) this.#pieces.push(piece);
  }

  /** The name without its escapes. */
  get text(): string {
    if (this.#length > MAX_BYTES) return '';
    const [first] = this.#pieces;
    const name = first && this.#pieces.length === 1 ? first.toString() : Buffer.concat(this.#pieces).toString();
    return name.includes('\\') ? String(JSON.parse(`"${name}"`)) : name;
  }
}
