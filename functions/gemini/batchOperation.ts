import { type Entry, MAX_ENTRY_BYTES } from '../model/entry.ts';
import { isJsonObject, textOf } from '../model/json.ts';
import { compilePatterns } from '../model/scanner/patterns.ts';
import { type StreamedValue, streamValues } from '../model/scanner/jsonStream.ts';
import { GeminiError } from './errors.ts';

/** A part of a batch's operation (docs/gemini-wire.md 7.3), in the order of the answer. */
export type Part =
  | ({ readonly kind: 'inline'; readonly isRepeat: boolean } & Entry)
  /** The end of the list, which may be empty. */
  | { readonly kind: 'inlineEnd' }
  | { readonly kind: 'file'; readonly name: string }
  | { readonly kind: 'state'; readonly state: string }
  | { readonly kind: 'total'; readonly total: number }
  | { readonly kind: 'end'; readonly time: string }
  | { readonly kind: 'done' }
  | { readonly kind: 'error'; readonly code: string; readonly message: string };

/** The output is in both places, or in one of them (docs/gemini-wire.md 7.4). */
const LISTS = ['metadata.output.inlinedResponses', 'response.inlinedResponses'];
/** The list of inline responses is in an object, as documented, or directly. */
const IN_METADATA = ['metadata.output.inlinedResponses.inlinedResponses.*', 'metadata.output.inlinedResponses.[]'];
const IN_RESPONSE = ['response.inlinedResponses.inlinedResponses.*', 'response.inlinedResponses.[]'];
const INLINE = [...IN_METADATA, ...IN_RESPONSE];
const STREAM = { opaque: new Set(INLINE), marks: new Set(LISTS), maxBytes: MAX_ENTRY_BYTES };
const PATTERNS = compilePatterns([
  ...LISTS,
  ...INLINE,
  'metadata.output.responsesFile',
  'response.responsesFile',
  'metadata.state',
  'metadata.batchStats.requestCount',
  'metadata.endTime',
  'done',
  'error',
]);

/** Returns a state without its prefix: the guide writes `JOB_STATE_…`, the wire `BATCH_STATE_…`. */
function stateName(state: string): string {
  return state.replace(/^(BATCH|JOB)_STATE_/, '');
}

/** The parts of an operation that decide whether and how the batch has ended. */
export interface BatchEnd {
  state?: string | undefined;
  isDone?: boolean;
  error?: { readonly code: string; readonly message: string } | undefined;
}

/** Returns the state in upper case; where none is given, `done` decides. Empty for a batch that gives neither. */
export function batchState({ state, isDone, error }: BatchEnd): string {
  if (state !== undefined) return stateName(state);
  if (!isDone) return '';
  return error ? 'FAILED' : 'SUCCEEDED';
}

/**
 * Yields the parts of the operation from its bytes, holding one of them at a time.
 *
 * @throws {GeminiError} where the bytes end before the operation does, or are not JSON. The parts before are valid.
 */
export async function* partsOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<Part> {
  let isInMetadata = false;
  try {
    for await (const value of streamValues(body, { ...STREAM, patterns: PATTERNS })) {
      isInMetadata ||= IN_METADATA.includes(value.pattern);
      const part = toPart(value, isInMetadata);
      if (part) yield part;
    }
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new GeminiError('Gemini answered with only a part of the operation.', { cause });
  }
}

function toPart(value: StreamedValue, isInMetadata: boolean): Part | undefined {
  const { pattern, key, bytes, length } = value;
  if (INLINE.includes(pattern))
    return {
      kind: 'inline',
      bytes: bytes && trimmed(bytes),
      length,
      isRepeat: isInMetadata && IN_RESPONSE.includes(pattern),
    };
  if (LISTS.includes(pattern)) return { kind: 'inlineEnd' };
  return bytes && toField(String(key), JSON.parse(bytes.toString()));
}

function toField(name: string, value: unknown): Part | undefined {
  if (name === 'done') return value === true ? { kind: 'done' } : undefined;
  if (name === 'error' && isJsonObject(value))
    return { kind: 'error', code: textOf(value['code']), message: textOf(value['message']) };
  if (name === 'requestCount')
    return Number.isSafeInteger(Number(value)) ? { kind: 'total', total: Number(value) } : undefined;
  if (typeof value !== 'string') return undefined;
  if (name === 'responsesFile') return { kind: 'file', name: value };
  if (name === 'state') return { kind: 'state', state: value };
  return name === 'endTime' ? { kind: 'end', time: value } : undefined;
}

/** Removes the white space between the value and the comma or bracket behind it. */
function trimmed(json: Buffer): Buffer {
  let end = json.length;
  while (end > 0 && (json[end - 1] ?? 0) <= 0x20) end -= 1;
  return json.subarray(0, end);
}
