import { JSONParser } from '@streamparser/json';
import { isJsonObject, textOf } from '../model/json.ts';
import { GeminiError } from './errors.ts';

/** A part of a batch's operation (G 7.3), in the order in which they come. */
export type Part =
  | { readonly kind: 'inline'; readonly index: number; readonly entry: unknown }
  | { readonly kind: 'file'; readonly name: string }
  | { readonly kind: 'state'; readonly state: string }
  | { readonly kind: 'total'; readonly total: number }
  | { readonly kind: 'end'; readonly time: string }
  | { readonly kind: 'error'; readonly code: string; readonly message: string };

const OUTPUT = '$.metadata.output';
const PATHS = {
  inline: `${OUTPUT}.inlinedResponses.inlinedResponses.*`,
  file: `${OUTPUT}.responsesFile`,
  state: '$.metadata.state',
  total: '$.metadata.batchStats.requestCount',
  end: '$.metadata.endTime',
  error: '$.error',
};

const INLINE_DEPTH = PATHS.inline.split('.').length - 1;

/** The guide writes `JOB_STATE_…`, the wire `BATCH_STATE_…` (G 7.3). */
export function stateName(state: string): string {
  return state.replace(/^(BATCH|JOB)_STATE_/, '');
}

/**
 * Reads the parts out of the operation's bytes, holding no more than one of them.
 *
 * @throws {GeminiError} where the bytes end before the operation does; what has come until then is good.
 */
export async function* partsOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<Part> {
  const parser = new JSONParser({ keepStack: false, paths: Object.values(PATHS) });
  const parts: Part[] = [];
  parser.onValue = ({ value, key, stack }) => {
    const part = partOf(value, key, stack.length);
    if (part) parts.push(part);
  };
  for await (const chunk of body) {
    parser.write(chunk);
    yield* parts.splice(0);
  }
  if (!parser.isEnded) throw new GeminiError('Gemini has answered with a part of the operation only.');
}

function partOf(value: unknown, key: string | number | undefined, depth: number): Part | undefined {
  if (typeof key === 'number') return depth === INLINE_DEPTH ? { kind: 'inline', index: key, entry: value } : undefined;
  if (key === 'error' && isJsonObject(value))
    return { kind: 'error', code: textOf(value['code']), message: textOf(value['message']) };
  if (key === 'requestCount')
    return Number.isSafeInteger(Number(value)) ? { kind: 'total', total: Number(value) } : undefined;
  if (typeof value !== 'string') return undefined;
  if (key === 'responsesFile') return { kind: 'file', name: value };
  if (key === 'state') return { kind: 'state', state: value };
  return key === 'endTime' ? { kind: 'end', time: value } : undefined;
}
