type Texts = Readonly<Record<string, string>>;

/** The wire type of bytes, text and messages. */
const LENGTH_DELIMITED = 2;

/** The fields of a map's entries. */
const [NAME, VALUE] = [tagOf(1), tagOf(2)];

/** Returns the tag of a field of bytes, text or a message. */
export function tagOf(field: number): number {
  return (field << 3) | LENGTH_DELIMITED;
}

function lengthOfVarint(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return 4;
}

/** Returns the size of a field whose content has this length. */
export function fieldLength(length: number): number {
  return 1 + lengthOfVarint(length) + length;
}

export function lengthOfText(text: string): number {
  return fieldLength(Buffer.byteLength(text));
}

export function lengthOfMap(map: Texts): number {
  let length = 0;
  for (const name in map) length += fieldLength(lengthOfText(name) + lengthOfText(map[name] ?? ''));
  return length;
}

/** Writes fields of bytes or text, and maps of texts, as protocol buffers encode them. */
export class ProtobufWriter {
  #bytes: Buffer;
  /** The bytes written so far. */
  length = 0;

  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafe(capacity);
  }

  get capacity(): number {
    return this.#bytes.length;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.length);
  }

  reserve(length: number): void {
    if (this.length + length <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.length + length));
    this.#bytes.copy(larger, 0, 0, this.length);
    this.#bytes = larger;
  }

  /** Begins a field whose content follows. */
  start(tag: number, length: number): void {
    this.#bytes[this.length] = tag;
    this.length += 1;
    let rest = length;
    for (; rest > 0x7f; rest >>>= 7) {
      this.#bytes[this.length] = (rest & 0x7f) | 0x80;
      this.length += 1;
    }
    this.#bytes[this.length] = rest;
    this.length += 1;
  }

  raw(bytes: Buffer): void {
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  text(tag: number, text: string): void {
    this.start(tag, Buffer.byteLength(text));
    this.length += this.#bytes.write(text, this.length);
  }

  map(tag: number, map: Texts): void {
    for (const name in map) {
      const value = map[name] ?? '';
      this.start(tag, lengthOfText(name) + lengthOfText(value));
      this.text(NAME, name);
      this.text(VALUE, value);
    }
  }
}
