import { isUtf8 } from 'node:buffer';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { compilePatterns } from '../model/scanner/patterns.ts';
import { JsonScanner } from '../model/scanner/jsonScanner.ts';
import type { ScannedValue } from '../model/scanner/options.ts';

/** The bytes of a JSON object and where its members are. */
export interface EntryFields {
  /** The last member of each name; without those beyond {@link MAX_FIELDS}. */
  readonly fields: ReadonlyMap<string, EntryField>;
  /** `false` where there are more members than {@link MAX_FIELDS}. */
  readonly hasAllFields: boolean;
  /** The key in the entry's metadata, which inline requests have. */
  readonly metadataKey: Buffer | undefined;
  /** The counts of tokens in its response. */
  readonly usageMetadata: Buffer | undefined;
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

/** In a member: the key of an inline request, and the counts of tokens of a response. */
const PATTERNS = compilePatterns(['*', 'metadata.key', 'response.usageMetadata']);

/**
 * Finds the members of a JSON object in its bytes. It builds no values: an object of any size and depth needs little
 * memory, and the event loop is never blocked for long.
 *
 * @param known names of members that are found among any number of others.
 * @returns `undefined` where the bytes are no JSON object.
 */
export async function readEntryFields(json: Buffer, known: ReadonlySet<string>): Promise<EntryFields | undefined> {
  if (!isUtf8(json)) return undefined;
  const fields = new Map<string, EntryField>();
  let [inMember, metadataKey, usageMetadata]: (Buffer | undefined)[] = [];
  let hasAllFields = true;

  /** Keeps the last of members with the same name, and its contents, as `JSON.parse` does. */
  function onValue({ pattern, key, memberStart, start, end }: ScannedValue): void {
    const name = String(key);
    const value = json.subarray(start, end);
    if (pattern !== '*') {
      inMember = value;
      return;
    }
    if (name === 'metadata') metadataKey = inMember;
    if (name === 'response') usageMetadata = inMember;
    inMember = undefined;
    if (fields.size < MAX_FIELDS || known.has(name))
      fields.set(name, { member: json.subarray(memberStart, end), value });
    else hasAllFields = false;
  }

  const scanner = new JsonScanner({ patterns: PATTERNS, onValue });
  if (!(await isObject(scanner, json))) return undefined;
  return { fields, hasAllFields, metadataKey, usageMetadata, depth: scanner.deepest };
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
