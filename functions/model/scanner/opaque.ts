const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d];

/** A JSON value of which only strings and brackets are read, to find its end. */
export class OpaqueValue {
  #depth = 0;
  #place: 'value' | 'string' | 'escape' = 'value';

  begin(): void {
    this.#depth = 0;
    this.#place = 'value';
  }

  /** Returns the index of the comma or bracket behind the value, `undefined` where the value continues. */
  endIn(piece: Buffer, from: number): number | undefined {
    for (let at = from; at < piece.length; at += 1) {
      const byte = piece[at] ?? 0;
      if (this.#place !== 'value') this.#readString(byte);
      else if (byte === QUOTE) this.#place = 'string';
      else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) this.#depth += 1;
      else if (this.#depth > 0) this.#depth -= isClosing(byte) ? 1 : 0;
      else if (byte === COMMA || isClosing(byte)) return at;
    }
    return undefined;
  }

  #readString(byte: number): void {
    if (this.#place === 'escape') this.#place = 'string';
    else if (byte === BACKSLASH) this.#place = 'escape';
    else if (byte === QUOTE) this.#place = 'value';
  }
}

function isClosing(byte: number): boolean {
  return byte === CLOSE_OBJECT || byte === CLOSE_ARRAY;
}
