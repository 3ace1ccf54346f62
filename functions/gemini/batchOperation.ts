import { JSONParser } from '@streamparser/json';
import { isJsonObject, textOf } from '../model/json.ts';
import { GeminiError } from './errors.ts';

/** A part of a batch's operation (docs/gemini-wire.md 7.3), in the order of the answer. */
export type Part =
  | { readonly kind: 'inline'; readonly index: number; readonly entry: unknown; readonly isRepeat: boolean }
  | { readonly kind: 'file'; readonly name: string }
  | { readonly kind: 'state'; readonly state: string }
  | { readonly kind: 'total'; readonly total: number }
  | { readonly kind: 'end'; readonly time: string }
  | { readonly kind: 'done' }
  | { readonly kind: 'error'; readonly code: string; readonly message: string };

/** The output stands at both places, or at either (docs/gemini-wire.md 7.4). */
const METADATA_OUTPUT = '$.metadata.output';
const RESPONSE_OUTPUT = '$.response';
const INLINE = 'inlinedResponses.inlinedResponses.*';
const PATHS = [
  `${METADATA_OUTPUT}.${INLINE}`,
  `${RESPONSE_OUTPUT}.${INLINE}`,
  `${METADATA_OUTPUT}.responsesFile`,
  `${RESPONSE_OUTPUT}.responsesFile`,
  '$.metadata.state',
  '$.metadata.batchStats.requestCount',
  '$.metadata.endTime',
  '$.done',
  '$.error',
];

/** Depths of inline responses below the root. */
const METADATA_DEPTH = depthOf(METADATA_OUTPUT);
const RESPONSE_DEPTH = depthOf(RESPONSE_OUTPUT);

/** Returns a state without its prefix: the guide writes `JOB_STATE_…`, the wire `BATCH_STATE_…`. */
export function stateName(state: string): string {
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
 * @throws {GeminiError} where the bytes end before the operation does. The parts until then are good.
 */
export async function* partsOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<Part> {
  const parser = new JSONParser({ keepStack: false, paths: PATHS });
  const parts: Part[] = [];
  let isInMetadata = false;
  parser.onValue = ({ value, key, stack }) => {
    const part = toPart(value, key, stack.length, isInMetadata);
    if (part?.kind === 'inline' && stack.length === METADATA_DEPTH) isInMetadata = true;
    if (part) parts.push(part);
  };
  for await (const chunk of body) {
    parser.write(chunk);
    yield* parts.splice(0);
  }
  if (!parser.isEnded) throw new GeminiError('Gemini answered with only a part of the operation.');
}

function toPart(
  value: unknown,
  key: string | number | undefined,
  depth: number,
  isInMetadata: boolean,
): Part | undefined {
  if (typeof key === 'number') {
    if (depth !== METADATA_DEPTH && depth !== RESPONSE_DEPTH) return undefined;
    return { kind: 'inline', index: key, entry: value, isRepeat: isInMetadata && depth === RESPONSE_DEPTH };
  }
  if (key === 'done') return value === true ? { kind: 'done' } : undefined;
  if (key === 'error' && isJsonObject(value))
    return { kind: 'error', code: textOf(value['code']), message: textOf(value['message']) };
  if (key === 'requestCount')
    return Number.isSafeInteger(Number(value)) ? { kind: 'total', total: Number(value) } : undefined;
  if (typeof value !== 'string') return undefined;
  if (key === 'responsesFile') return { kind: 'file', name: value };
  if (key === 'state') return { kind: 'state', state: value };
  return key === 'endTime' ? { kind: 'end', time: value } : undefined;
}

function depthOf(output: string): number {
  return `${output}.${INLINE}`.split('.').length - 1;
}
