const LITERALS = new Map(['true', 'false', 'null'].map((text) => [text.charCodeAt(0), Buffer.from(text)]));

/** One of `true`, `false` and `null`, read byte by byte. */
export class Literal {
  #expected: Buffer = Buffer.alloc(0);
  #read = 0;

  /** Returns `false` where no literal begins with the byte. */
  begin(byte: number): boolean {
    const expected = LITERALS.get(byte);
    this.#expected = expected ?? Buffer.alloc(0);
    this.#read = 0;
    return expected !== undefined;
  }

  /**
   * Returns the index behind the literal, `undefined` where it continues behind the piece.
   *
   * @throws {SyntaxError} where it is another word.
   */
  endIn(piece: Buffer, from: number): number | undefined {
    let at = from;
    for (; this.#read < this.#expected.length; at += 1, this.#read += 1) {
      if (at === piece.length) return undefined;
      if (piece[at] !== this.#expected[this.#read]) throw new SyntaxError('An unexpected word in JSON.');
    }
    return at;
  }
}
