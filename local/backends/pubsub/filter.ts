import { invalid } from '../rpc.ts';

type Attributes = Readonly<Record<string, string>>;

/** Decides by its attributes if a subscription receives a message. */
export type Filter = (attributes: Attributes) => boolean;

const MAX_BYTES = 256;
/** A string of JSON. */
const LITERAL = String.raw`"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[\da-fA-F]{4})*"`;
const STRING = `(${LITERAL})`;
const KEY = String.raw`([\w-]+|${LITERAL})`;

/** Each comparison's tokens, and the filter of its key and value. */
const COMPARISONS: readonly (readonly [tokens: readonly string[], (key: string, value: string) => Filter])[] = [
  [['attributes', ':', KEY], (key) => (attributes) => Object.hasOwn(attributes, key)],
  [['attributes', '\\.', KEY, '=', STRING], (key, value) => (attributes) => valueOf(attributes, key) === value],
  [['attributes', '\\.', KEY, '!=', STRING], (key, value) => (attributes) => valueOf(attributes, key) !== value],
  [
    ['hasPrefix', '\\(', 'attributes', '\\.', KEY, ',', STRING, '\\)'],
    (key, prefix) => (attributes) => valueOf(attributes, key)?.startsWith(prefix) ?? false,
  ],
];

const EXPECTED =
  'attributes:KEY, attributes.KEY = "VALUE", attributes.KEY != "VALUE" or hasPrefix(attributes.KEY, "VALUE")';

/**
 * Compiles a subscription's filter, by the syntax of https://cloud.google.com/pubsub/docs/subscription-message-filter.
 * Strings have the escape sequences of JSON.
 *
 * @param text an empty one matches every message.
 * @throws RpcError INVALID_ARGUMENT, with the position of the first error.
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
    const [operator] = this.#take('AND\\b|OR\\b') ?? [];
    if (operator === undefined) return first;
    const operands = [first];
    do operands.push(this.#operand());
    while (this.#take(`${operator}\\b`));
    if (this.#take('AND\\b|OR\\b')) throw this.#error('parentheses, because the filter mixes AND and OR, as');
    return operator === 'AND'
      ? (attributes) => operands.every((operand) => operand(attributes))
      : (attributes) => operands.some((operand) => operand(attributes));
  }

  #operand(): Filter {
    if (this.#take('NOT\\b|-')) {
      const operand = this.#operand();
      return (attributes) => !operand(attributes);
    }
    if (!this.#take('\\(')) return this.#comparison();
    const inner = this.#expression();
    if (!this.#take('\\)')) throw this.#error('")"');
    return inner;
  }

  #comparison(): Filter {
    for (const [tokens, filterOf] of COMPARISONS) {
      const [, key, value = '""'] = this.#take(tokens.join('\\s*')) ?? [];
      if (key !== undefined) return filterOf(textOf(key), textOf(value));
    }
    throw this.#error(EXPECTED);
  }

  /** Takes the text that matches here, and the spaces around it. */
  #take(pattern: string): readonly string[] | undefined {
    const token = new RegExp(`\\s*(?:${pattern})\\s*`, 'ys');
    token.lastIndex = this.#position;
    const match = token.exec(this.#text);
    if (!match) return undefined;
    this.#position = token.lastIndex;
    return [match[0].trim(), ...match.slice(1)];
  }

  #error(expected: string) {
    return invalid(`Invalid filter: expected ${expected} at character ${this.#position + 1}.`);
  }
}

function valueOf(attributes: Attributes, key: string): string | undefined {
  return Object.hasOwn(attributes, key) ? attributes[key] : undefined;
}

function textOf(token: string): string {
  return token.startsWith('"') ? String(JSON.parse(token)) : token;
}
