import { invalid } from '../rpc.ts';

/** Decides by its attributes if a subscription receives a message. */
export type Filter = (attributes: Readonly<Record<string, string>>) => boolean;

const MAX_BYTES = 256;

/**
 * Compiles a subscription's filter, by the syntax of https://cloud.google.com/pubsub/docs/subscription-message-filter.
 *
 * @param text an empty one matches every message.
 * @throws RpcError INVALID_ARGUMENT, with the position where the syntax ends to be valid.
 */
export function parseFilter(text: string): Filter {
  if (Buffer.byteLength(text) > MAX_BYTES) throw invalid(`The filter is longer than ${MAX_BYTES} bytes.`);
  return text.trim() === '' ? () => true : new Parser(text).parse();
}

class Parser {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Filter {
    const filter = this.#expression();
    if (this.#position < this.#text.length) throw this.#error('AND, OR or the end');
    return filter;
  }

  /** AND and OR have no precedence over each other: together they need parentheses. */
  #expression(): Filter {
    const first = this.#operand();
    const operator = this.#take(/AND\b|OR\b/);
    if (operator === undefined) return first;
    const operands = [first];
    const same = operator === 'AND' ? /AND\b/ : /OR\b/;
    do operands.push(this.#operand());
    while (this.#take(same));
    if (this.#take(/AND\b|OR\b/)) throw this.#error('parentheses, because the filter mixes AND and OR, as');
    return operator === 'AND'
      ? (attributes) => operands.every((operand) => operand(attributes))
      : (attributes) => operands.some((operand) => operand(attributes));
  }

  #operand(): Filter {
    if (this.#take(/NOT\b|-/)) {
      const operand = this.#operand();
      return (attributes) => !operand(attributes);
    }
    if (!this.#take(/\(/)) return this.#comparison();
    const inner = this.#expression();
    this.#require(/\)/, '")"');
    return inner;
  }

  #comparison(): Filter {
    if (this.#take(/hasPrefix\s*\(/)) return this.#hasPrefix();
    this.#require(/attributes\b/, 'attributes, hasPrefix, NOT or "("');
    if (this.#take(/:/)) {
      const key = this.#key();
      return (attributes) => Object.hasOwn(attributes, key);
    }
    this.#require(/\./, '":" or "."');
    const key = this.#key();
    const operator = this.#require(/!?=/, '"=" or "!="');
    const value = this.#string();
    return (attributes) => (Object.hasOwn(attributes, key) && attributes[key] === value) === (operator === '=');
  }

  #hasPrefix(): Filter {
    this.#require(/attributes\s*\./, 'attributes and "."');
    const key = this.#key();
    this.#require(/,/, '","');
    const prefix = this.#string();
    this.#require(/\)/, '")"');
    return (attributes) => Object.hasOwn(attributes, key) && (attributes[key] ?? '').startsWith(prefix);
  }

  #key(): string {
    return this.#take(/[\w-]+/) ?? this.#string();
  }

  #string(): string {
    const literal = this.#require(/"(?:[^"\\]|\\[^])*"/, 'a string in double quotes');
    return literal.slice(1, -1).replace(ESCAPE, (escape) => {
      const character = unescape(escape.slice(1));
      if (character === undefined) throw this.#error(`a known escape sequence instead of ${escape}`);
      return character;
    });
  }

  #require(pattern: RegExp, expected: string): string {
    const found = this.#take(pattern);
    if (found === undefined) throw this.#error(expected);
    return found;
  }

  /** Takes the text that matches here, and the spaces around it. */
  #take(pattern: RegExp): string | undefined {
    const token = new RegExp(`\\s*(${pattern.source})\\s*`, 'y');
    token.lastIndex = this.#position;
    const match = token.exec(this.#text);
    if (match) this.#position = token.lastIndex;
    return match?.[1];
  }

  #error(expected: string) {
    return invalid(`Invalid filter: expected ${expected} at character ${this.#position + 1}.`);
  }
}

const ESCAPE = /\\(?:x[\dA-Fa-f]{2}|u[\dA-Fa-f]{4}|U[\dA-Fa-f]{8}|[0-3][0-7]{2}|[^])/g;

const CONTROLS: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

function unescape(sequence: string): string | undefined {
  if (/^[\\"'`?]$/.test(sequence)) return sequence;
  if (sequence.length === 1) return CONTROLS[sequence];
  const code = /^[xuU]/.test(sequence) ? Number.parseInt(sequence.slice(1), 16) : Number.parseInt(sequence, 8);
  return code <= 0x10_ff_ff ? String.fromCodePoint(code) : undefined;
}
