import { isUtf8 } from 'node:buffer';
import { isJsonObject, type JsonObject } from '../../model/json.ts';
import { errorResult, type JobResult, keyOf, MAX_MESSAGE_BYTES, NO_RESULT, resultOf } from '../../model/result.ts';
import { type Line, MAX_LINE_BYTES } from './lines.ts';
import { type Slices, slicesOf } from './jsonSlices.ts';

/** Base64 makes a third more of them, which is as much as a message holds. */
const MAX_RAW_BYTES = 7_000_000;

/** What may stand in a message beside the address of what is too large for it. */
const MAX_BESIDE_BYTES = 1_000_000;

const INVALID_LINE = {
  code: 'INVALID_LINE',
  message: 'The line is no JSON object; its bytes are in rawBase64, or at uri.',
} as const;

const TOO_LARGE_BESIDE = {
  code: 'RESULT_TOO_LARGE',
  message: 'What stands beside the response fits into no message; all of it is at uri, as it came.',
} as const;

/** A line that is no JSON object is an error with its bytes: never dropped, never fatal. */
export function lineResult({ bytes, length }: Line, index: number): JobResult {
  if (bytes === undefined)
    return errorResult(index, 'LINE_TOO_LONG', `The line is longer than ${MAX_LINE_BYTES} bytes.`, { bytes: length });
  if (length > MAX_MESSAGE_BYTES) return largeResult(bytes, index);
  const entry = objectIn(bytes);
  return entry ? resultOf(entry, index, bytes.subarray(bytes.indexOf('{'))) : invalidLine(bytes, index);
}

export function inlineResult(entry: unknown, index: number): JobResult {
  return isJsonObject(entry)
    ? resultOf(entry, index)
    : errorResult(index, 'INVALID_RESPONSE', 'The inline response is no JSON object.');
}

/**
 * The same of what fits into no message, and is not parsed: that would take many times its size in memory.
 *
 * Its content is the response or the error, where that alone is what is large; otherwise all of it, as it came.
 */
export function largeResult(json: Buffer, index: number): JobResult {
  const slices = slicesOf(json);
  if (slices === undefined) return invalidLine(json, index);
  const name = ['error', 'response'].find((each) => isGiven(slices.get(each)));
  const beside = parsed(slices, (each) => each !== name);
  if (name !== undefined && beside !== undefined) {
    const key = keyOf(beside);
    const status = name === 'error' ? 'error' : 'ok';
    return { index, key, status, fields: { ...beside, key }, content: slices.get(name) };
  }
  const key = keyOf(parsed(slices, (each) => each === 'key') ?? {});
  const told = name === 'error' ? parsed(slices, (each) => each === name) : undefined;
  const error = name === undefined ? NO_RESULT : TOO_LARGE_BESIDE;
  return { index, key, status: 'error', fields: { key, error, ...told }, content: json };
}

/** Some fields of an object, where they are small enough together. */
function parsed(slices: Slices, isWanted: (name: string) => boolean): JsonObject | undefined {
  const wanted = [...slices].filter(([name]) => isWanted(name));
  const bytes = wanted.reduce((sum, [name, json]) => sum + name.length + json.length, 0);
  if (bytes > MAX_BESIDE_BYTES) return undefined;
  return Object.fromEntries(wanted.map(([name, json]) => [name, JSON.parse(json.toString('utf8')) as unknown]));
}

function isGiven(json: Buffer | undefined): boolean {
  return json !== undefined && json.toString('latin1', 0, 5) !== 'null';
}

function objectIn(bytes: Buffer): JsonObject | undefined {
  if (!isUtf8(bytes)) return undefined;
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function invalidLine(bytes: Buffer, index: number): JobResult {
  const error = INVALID_LINE;
  if (bytes.length > MAX_RAW_BYTES)
    return { index, status: 'error', fields: { error }, content: bytes, contentType: 'application/octet-stream' };
  const fields = { bytes: bytes.length, rawBase64: bytes.toString('base64'), error };
  return { index, status: 'error', fields };
}
