import { OpenContainers } from './openContainers.ts';
import { Literal } from './literal.ts';
import { JsonName } from './name.ts';
import { isWholeNumber, numberNext, numberStart, type NumberState } from './number.ts';
import type { ScannedValue, ScannerOptions } from './options.ts';
import type { PatternNode } from './patterns.ts';
import { OpaqueValue } from './opaque.ts';

interface OpenValue extends Omit<ScannedValue, 'end'> {
  /** The number of containers around it. */
  readonly depth: number;
}

/** States between tokens, in which white space is skipped. */
type TokenState = 'root' | 'value' | 'firstElement' | 'firstName' | 'name' | 'colon' | 'after' | 'end';

type State = TokenState | 'string' | 'escape' | 'hex' | 'number' | 'literal' | 'opaque';

const [QUOTE, BACKSLASH, COMMA, COLON, LETTER_U, SPACE] = [0x22, 0x5c, 0x2c, 0x3a, 0x75, 0x20];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d];
const HEX_DIGITS = new Set(Buffer.from('0123456789abcdefABCDEF'));
const ESCAPED = new Set(Buffer.from('"\\/bfnrt'));

/**
 * Reads one JSON object in pieces and reports where the wanted values are. It checks the grammar as strictly as
 * `JSON.parse`, builds no values and does not recurse, so neither size nor depth of the input can exhaust memory or
 * the stack. UTF-8 is not checked.
 */
export class JsonScanner {
  readonly #options: ScannerOptions;
  #state: State = 'root';
  /** Bytes before the current piece. */
  #offset = 0;
  readonly #containers = new OpenContainers();
  /** By depth, the pattern node of a container that lies on a pattern. */
  readonly #nodes: (PatternNode | undefined)[] = [];
  readonly #keys: (string | number)[] = [];
  readonly #open: OpenValue[] = [];
  #memberStart = 0;
  #isName = false;
  readonly #name = new JsonName();
  #hexDigits = 0;
  #number: NumberState = 0;
  readonly #literal = new Literal();
  readonly #opaque = new OpaqueValue();

  constructor(options: ScannerOptions) {
    this.#options = options;
    this.#nodes[1] = options.patterns;
  }

  /** The number of containers inside each other at the deepest place so far, opaque values aside. */
  get deepest(): number {
    return this.#containers.deepest;
  }

  get isComplete(): boolean {
    return this.#state === 'end';
  }

  /** The offset from which the input is still needed: the start of a reported value that has not ended. */
  get neededFrom(): number {
    const needed = this.#open.find(({ pattern }) => !this.#options.marks?.has(pattern));
    return needed?.start ?? this.#offset;
  }

  /** @throws {SyntaxError} where the input is no JSON object. */
  write(piece: Buffer): void {
    let at = 0;
    while (at < piece.length) at = this.#step(piece, at);
    this.#offset += piece.length;
  }

  /** Reads at least one byte, or changes the state. Returns the index of the next byte. */
  #step(piece: Buffer, at: number): number {
    const state = this.#state;
    if (state === 'string') return this.#readString(piece, at);
    if (state === 'number') return this.#readNumber(piece, at);
    if (state === 'opaque') return this.#readOpaque(piece, at);
    if (state === 'literal') return this.#readLiteral(piece, at);
    const byte = piece[at] ?? 0;
    if (state === 'escape') this.#readEscape(byte);
    else if (state === 'hex') this.#readHex(byte);
    else if (!isSpace(byte)) return this.#readToken(state, byte, at);
    return at + 1;
  }

  #readToken(state: TokenState, byte: number, at: number): number {
    switch (state) {
      case 'after':
        if (byte === COMMA) this.#readComma();
        else this.#close(byte, at + 1);
        return at + 1;
      case 'firstElement':
        if (byte !== CLOSE_ARRAY) return this.#beginValue(byte, at);
        this.#close(byte, at + 1);
        return at + 1;
      case 'value':
        return this.#beginValue(byte, at);
      case 'firstName':
        if (byte === CLOSE_OBJECT) this.#close(byte, at + 1);
        else this.#beginName(byte, at);
        return at + 1;
      case 'name':
        this.#beginName(byte, at);
        return at + 1;
      case 'colon':
        if (byte !== COLON) throw unexpected();
        this.#state = 'value';
        return at + 1;
      case 'root':
        if (byte !== OPEN_OBJECT) throw unexpected();
        this.#openContainer(byte);
        return at + 1;
      case 'end':
        throw unexpected();
    }
  }

  /** Leaves the first byte of a number, a literal or an opaque value to the state that reads the rest. */
  #beginValue(byte: number, at: number): number {
    if (this.#nodes[this.#containers.depth] !== undefined && this.#report(at)) {
      this.#state = 'opaque';
      this.#opaque.begin();
      return at;
    }
    if (byte === QUOTE) {
      [this.#state, this.#isName] = ['string', false];
      return at + 1;
    }
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      this.#openContainer(byte);
      return at + 1;
    }
    this.#number = numberStart(byte);
    if (this.#number !== 0) {
      this.#state = 'number';
      return at + 1;
    }
    if (!this.#literal.begin(byte)) throw unexpected();
    this.#state = 'literal';
    return at;
  }

  /** Notes where a wanted value begins. Returns `true` where it is opaque. */
  #report(at: number): boolean {
    const node = this.#nodes[this.#containers.depth];
    const key = this.#keys[this.#containers.depth] ?? 0;
    const child = (typeof key === 'string' ? node?.children.get(key) : node?.element) ?? node?.any;
    this.#nodes[this.#containers.depth + 1] = child;
    const pattern = child?.pattern ?? node?.any?.pattern;
    if (pattern === undefined) return false;
    const start = this.#offset + at;
    const memberStart = typeof key === 'string' ? this.#memberStart : start;
    this.#open.push({ pattern, key, memberStart, start, depth: this.#containers.depth });
    return this.#options.opaque?.has(pattern) ?? false;
  }

  #endValue(end: number): void {
    this.#state = this.#containers.depth === 0 ? 'end' : 'after';
    if (this.#open.at(-1)?.depth !== this.#containers.depth) return;
    const { pattern, key, memberStart, start } = this.#open.pop() as OpenValue;
    this.#options.onValue({ pattern, key, memberStart, start, end: this.#offset + end });
  }

  #openContainer(byte: number): void {
    const isObject = byte === OPEN_OBJECT;
    this.#containers.open(isObject);
    this.#state = isObject ? 'firstName' : 'firstElement';
    const { depth } = this.#containers;
    if (depth >= this.#nodes.length) return;
    if (depth > 1 && this.#nodes[depth - 1] === undefined) this.#nodes[depth] = undefined;
    this.#keys[depth] = isObject ? '' : 0;
  }

  #close(byte: number, end: number): void {
    if (byte !== (this.#containers.isObject ? CLOSE_OBJECT : CLOSE_ARRAY)) throw unexpected();
    this.#containers.close();
    this.#endValue(end);
  }

  #readComma(): void {
    this.#state = this.#containers.isObject ? 'name' : 'value';
    const key = this.#keys[this.#containers.depth];
    if (typeof key === 'number') this.#keys[this.#containers.depth] = key + 1;
  }

  #beginName(byte: number, at: number): void {
    if (byte !== QUOTE) throw unexpected();
    [this.#state, this.#isName] = ['string', true];
    this.#memberStart = this.#offset + at;
    this.#name.clear();
  }

  #readString(piece: Buffer, from: number): number {
    let at = from;
    for (; at < piece.length; at += 1) {
      const byte = piece[at] ?? 0;
      if (byte === QUOTE || byte === BACKSLASH) break;
      if (byte < SPACE) throw unexpected();
    }
    const isWanted = this.#isName && this.#nodes[this.#containers.depth] !== undefined;
    if (at === piece.length) {
      if (isWanted) this.#name.add(piece.subarray(from, at));
      return at;
    }
    const isEnd = piece[at] === QUOTE;
    if (isWanted) this.#name.add(piece.subarray(from, isEnd ? at : at + 1));
    if (!isEnd) this.#state = 'escape';
    else if (this.#isName) this.#endName(isWanted);
    else this.#endValue(at + 1);
    return at + 1;
  }

  #endName(isWanted: boolean): void {
    this.#state = 'colon';
    if (isWanted) this.#keys[this.#containers.depth] = this.#name.text;
  }

  #readEscape(byte: number): void {
    if (byte !== LETTER_U && !ESCAPED.has(byte)) throw unexpected();
    this.#state = byte === LETTER_U ? 'hex' : 'string';
    this.#hexDigits = 0;
    this.#keepByte(byte);
  }

  #readHex(byte: number): void {
    if (!HEX_DIGITS.has(byte)) throw unexpected();
    this.#hexDigits += 1;
    if (this.#hexDigits === 4) this.#state = 'string';
    this.#keepByte(byte);
  }

  #keepByte(byte: number): void {
    if (this.#isName && this.#nodes[this.#containers.depth] !== undefined) this.#name.add(Buffer.of(byte));
  }

  /** Ends before the first byte that does not belong to the number. */
  #readNumber(piece: Buffer, from: number): number {
    for (let at = from; at < piece.length; at += 1) {
      const next = numberNext(this.#number, piece[at] ?? 0);
      if (next === 0) {
        if (!isWholeNumber(this.#number)) throw unexpected();
        this.#endValue(at);
        return at;
      }
      this.#number = next;
    }
    return piece.length;
  }

  #readLiteral(piece: Buffer, from: number): number {
    const end = this.#literal.endIn(piece, from);
    if (end === undefined) return piece.length;
    this.#endValue(end);
    return end;
  }

  #readOpaque(piece: Buffer, from: number): number {
    const end = this.#opaque.endIn(piece, from);
    if (end === undefined) return piece.length;
    this.#endValue(end);
    return end;
  }
}

function isSpace(byte: number): boolean {
  return byte === SPACE || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

function unexpected(): SyntaxError {
  return new SyntaxError('An unexpected byte in JSON.');
}
