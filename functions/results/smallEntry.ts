import { isUtf8 } from 'node:buffer';
import type { Entry } from '../model/entry.ts';
import { isJsonObject } from '../model/json.ts';
import type { JobResult } from '../model/result.ts';
import { tokenUsageIn } from '../model/tokenUsage.ts';
import { contentsOf, MAX_DEPTH, RESERVED_NAMES } from './entry.ts';

/** Bounds the time for which JSON.parse blocks the event loop, to about 2 ms. */
const MAX_BYTES = 65_536;

/**
 * Makes a result of an entry as Gemini writes nearly all: small, valid, with a key and one response or error. `JSON.parse`
 * checks it natively, in less than half of the scanner's time; its values decide, and the bytes are published unchanged.
 *
 * @returns the same result as `entryResult`; `undefined` for an entry that only the scanner can decide.
 */
export function smallEntryResult({ bytes }: Entry, index: number): JobResult | undefined {
  if (bytes === undefined || bytes.length > MAX_BYTES || !isUtf8(bytes)) return undefined;
  const text = bytes.toString();
  const entry = parsed(text);
  if (!isJsonObject(entry) || mayBeTooDeep(text) || RESERVED_NAMES.some((name) => Object.hasOwn(entry, name)))
    return undefined;
  const { response = null, error = null, key = null, metadata } = entry;
  if (response === null && error === null) return undefined;
  if (key === null ? hasKey(metadata) : typeof key !== 'string') return undefined;
  return {
    index,
    key: typeof key === 'string' ? key : undefined,
    status: error === null ? 'ok' : 'error',
    fields: {},
    members: [contentsOf(bytes)],
    usage: isJsonObject(response) ? tokenUsageIn(response['usageMetadata']) : undefined,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Counts all opening brackets, also in strings and beside each other: fewer than the limit cannot be nested deeper. */
function mayBeTooDeep(text: string): boolean {
  if (text.length < 2 * MAX_DEPTH) return false;
  let count = 0;
  for (const bracket of ['{', '[']) {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) {
      count += 1;
      if (count > MAX_DEPTH) return true;
    }
  }
  return false;
}

function hasKey(metadata: unknown): boolean {
  return isJsonObject(metadata) && (metadata['key'] ?? null) !== null;
}
