import { isUtf8 } from 'node:buffer';

/** The values of an object by their names, each as the bytes that it is written in. */
export type Slices = ReadonlyMap<string, Buffer>;

/** Deeper than whatever Gemini writes, and not too deep for the stack. */
const MAX_DEPTH = 1_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d];
const LETTER_U = 0x75;
const SPACE = 0x20;

/** What may stand behind a backslash, beside a `u` and four digits. */
const ESCAPED: ReadonlySet<number | undefined> = new Set(Buffer.from('"\\/bfnrt'));
const HEX_DIGITS: ReadonlySet<number | undefined> = new Set(Buffer.from('0123456789abcdefABCDEF'));
const HEX_OFFSETS = [2, 3, 4, 5];

/**
 * The values of a JSON object, which is checked as strictly as a parser does. Nothing is made of them and nothing copied:
 * an object of any size costs no memory.
 *
 * @returns `undefined` where the bytes are no object.
 */
export function slicesOf(json: Buffer): Slices | undefined {
  if (!isUtf8(json)) return undefined;
  const slices = new Map<string, Buffer>();
  const scanner = new Scanner(json);
  try {
    scanner.readObject((name, value) => slices.set(String(JSON.parse(name.toString('utf8'))), value));
    return scanner.isAtEnd ? slices : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Reads over JSON, one value after the other. All of its methods throw a `SyntaxError` where there is another thing. */
class Scanner {
  readonly #json: Buffer;
  #at = 0;
  #depth = 0;

  constructor(json: Buffer) {
    this.#json = json;
  }

  get isAtEnd(): boolean {
    return this.#next() === undefined;
  }

  readObject(onMember?: (name: Buffer, value: Buffer) => void): void {
    this.#readItems(OPEN_OBJECT, CLOSE_OBJECT, () => {
      this.#next();
      const name = this.#at;
      this.#readString();
      const nameEnd = this.#at;
      this.#take(COLON);
      this.#next();
      const value = this.#at;
      this.#readValue();
      onMember?.(this.#json.subarray(name, nameEnd), this.#json.subarray(value, this.#at));
    });
  }

  #readValue(): void {
    const first = this.#next();
    if (first === QUOTE) this.#readString();
    else if (first === OPEN_OBJECT) this.readObject();
    else if (first === OPEN_ARRAY) this.#readItems(OPEN_ARRAY, CLOSE_ARRAY, () => this.#readValue());
    else this.#readLiteral();
  }

  #readItems(open: number, close: number, readItem: () => void): void {
    this.#take(open);
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw new SyntaxError('Too deep.');
    if (this.#next() !== close) {
      readItem();
      while (this.#next() === COMMA) {
        this.#at += 1;
        readItem();
      }
    }
    this.#take(close);
    this.#depth -= 1;
  }

  #readString(): void {
    this.#take(QUOTE);
    const json = this.#json;
    let at = this.#at;
    for (let byte = json[at]; byte !== QUOTE; byte = json[at]) {
      if (byte === undefined || byte < SPACE) throw new SyntaxError('No character of a string.');
      at += byte === BACKSLASH ? lengthOfEscape(json, at) : 1;
    }
    this.#at = at + 1;
  }

  /** A number, `true`, `false` or `null`; it is short. */
  #readLiteral(): void {
    const start = this.#at;
    while (isOfLiteral(this.#json[this.#at])) this.#at += 1;
    JSON.parse(this.#json.toString('latin1', start, this.#at));
  }

  #take(expected: number): void {
    if (this.#next() !== expected) throw new SyntaxError('Another character was expected.');
    this.#at += 1;
  }

  /** The next byte that is no white space. */
  #next(): number | undefined {
    while (isSpace(this.#json[this.#at])) this.#at += 1;
    return this.#json[this.#at];
  }
}

function lengthOfEscape(json: Buffer, start: number): number {
  if (ESCAPED.has(json[start + 1])) return 2;
  if (json[start + 1] === LETTER_U && HEX_OFFSETS.every((offset) => HEX_DIGITS.has(json[start + offset]))) return 6;
  throw new SyntaxError('No escape.');
}

function isOfLiteral(byte: number | undefined): boolean {
  return byte !== undefined && byte !== COMMA && byte !== CLOSE_OBJECT && byte !== CLOSE_ARRAY && !isSpace(byte);
}

function isSpace(byte: number | undefined): boolean {
  return byte === SPACE || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}
