import { isUtf8 } from 'node:buffer';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { compilePatterns } from '../model/scanner/patterns.ts';
import { JsonScanner } from '../model/scanner/jsonScanner.ts';
import type { ScannedValue } from '../model/scanner/options.ts';
import { ResultTokens, type TokenUsage } from '../model/tokenUsage.ts';

/** The bytes of a JSON object and where its members are. */
export interface EntryFields {
  /** The last member of each name; without those beyond {@link MAX_FIELDS}. */
  readonly fields: ReadonlyMap<string, EntryField>;
  /** `false` where there are more members than {@link MAX_FIELDS}. */
  readonly hasAllFields: boolean;
  /** The key in the entry's metadata, which inline requests have. */
  readonly metadataKey: Buffer | undefined;
  readonly usage: TokenUsage | undefined;
  /** The number of containers inside each other at the deepest place. */
  readonly depth: number;
}

interface EntryField {
  /** `"name":value`, as it is. */
  readonly member: Buffer;
  readonly value: Buffer;
}

/** Bounds the memory for an object of millions of members; Gemini writes three. */
const MAX_FIELDS = 1_000;

/** Bounds the time for which a large entry blocks the event loop, to about 10 ms. */
const SLICE_BYTES = 262_144;

/** More digits than any count has. */
const MAX_COUNT_BYTES = 24;

const [QUOTE, DIGIT_ZERO] = [0x22, 0x30];

const METADATA_KEY = 'metadata.key';
/** An entry of a batch has its token counts in the response, an interaction has them beside its steps. */
const PATTERNS = {
  batch: compilePatterns(['*', METADATA_KEY, 'response.usageMetadata.*']),
  interaction: compilePatterns(['*', 'usage.*']),
} as const;

/**
 * Finds the members of a JSON object in its bytes. It builds no values: an object of any size and depth needs little
 * memory, and the event loop is never blocked for long.
 *
 * @param known names of members that are found among any number of others.
 * @returns `undefined` where the bytes are no JSON object.
 */
export async function readEntryFields(
  json: Buffer,
  kind: keyof typeof PATTERNS,
  known: ReadonlySet<string>,
): Promise<EntryFields | undefined> {
  if (!isUtf8(json)) return undefined;
  const fields = new Map<string, EntryField>();
  const tokens = new ResultTokens();
  let metadataKey: Buffer | undefined;
  let hasAllFields = true;

  function onValue({ pattern, key, memberStart, start, end }: ScannedValue): void {
    const name = String(key);
    const value = json.subarray(start, end);
    if (pattern === METADATA_KEY) metadataKey = value;
    else if (pattern !== '*') tokens.set(name, countIn(value));
    else if (fields.size < MAX_FIELDS || known.has(name))
      fields.set(name, { member: json.subarray(memberStart, end), value });
    else hasAllFields = false;
  }

  const scanner = new JsonScanner({ patterns: PATTERNS[kind], onValue });
  if (!(await isObject(scanner, json))) return undefined;
  return { fields, hasAllFields, metadataKey, usage: tokens.usage, depth: scanner.deepest };
}

async function isObject(scanner: JsonScanner, json: Buffer): Promise<boolean> {
  try {
    scanner.write(json.subarray(0, SLICE_BYTES));
    for (let at = SLICE_BYTES; at < json.length; at += SLICE_BYTES) {
      await nextTurn();
      scanner.write(json.subarray(at, at + SLICE_BYTES));
    }
    return scanner.isComplete;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

/** Returns a count, which is a number or an int64 string; `NaN` for any other value. */
function countIn(json: Buffer): number {
  const isString = json[0] === QUOTE;
  const end = isString ? json.length - 1 : json.length;
  let count = 0;
  for (let at = isString ? 1 : 0; at < end; at += 1) {
    const digit = (json[at] ?? 0) - DIGIT_ZERO;
    if (digit < 0 || digit > 9 || at > MAX_COUNT_BYTES) return NaN;
    count = count * 10 + digit;
  }
  return end > (isString ? 1 : 0) ? count : NaN;
}
