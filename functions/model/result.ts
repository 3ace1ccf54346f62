import type { JsonObject } from './json.ts';
import type { TokenUsage } from './tokenUsage.ts';

/** One result of a job: a line of a batch's output, an inline response, an interaction, a video. */
export interface JobResult {
  readonly index: number;
  /** The user's name for the request: JSON text, usually of a string, or the string itself. */
  readonly key?: Buffer | string | undefined;
  readonly status: 'ok' | 'error';
  /** Members of the message beside `jobId` and `index` that the product makes: an error, or `uri` and `bytes`. */
  readonly fields: JsonObject;
  /** Further members as bytes of JSON text, `"name":value`, which are published unchanged. */
  readonly members?: readonly Buffer[];
  /** Bytes for the bucket, because a message cannot hold them; their `uri` and `bytes` become members. */
  readonly content?: Buffer | undefined;
  /** Media type of the content; JSON by default. */
  readonly contentType?: string | undefined;
  /** Tokens, where the result names them. */
  readonly usage?: TokenUsage | undefined;
}

/** A function call that waits for its result (docs/gemini-wire.md 9.4). */
export interface FunctionCall {
  readonly id: string | undefined;
  readonly name: string | undefined;
  /** Numbers that JavaScript would round are `JSON.rawJSON` values. */
  readonly arguments: unknown;
}

/** The size of a message in a request, for which Pub/Sub's limit is 10 MB; the rest is room for the topic. */
export const MAX_MESSAGE_BYTES = 9_990_000;

const START = Buffer.from('{');
const SEPARATOR = Buffer.from(',');
const END = Buffer.from('}');

/** Returns an error in place of a result that cannot be published as it is: no result is dropped. */
export function errorResult(index: number, code: string, message: string, fields: JsonObject = {}): JobResult {
  return { index, status: 'error', fields: { ...fields, error: { code, message } } };
}

/** Returns the members of a result's message, apart from `jobId` and `index`, as a JSON object. */
export function resultJson(result: JobResult): Buffer {
  return Buffer.concat([START, ...memberPieces(result).slice(1), END]);
}

/** Returns the members, a comma before each. */
export function memberPieces({ fields, members = [] }: JobResult): readonly Buffer[] {
  const contents: Buffer[] = [];
  const own = JSON.stringify(fields).slice(1, -1);
  if (own !== '') contents.push(SEPARATOR, Buffer.from(own));
  for (const member of members) contents.push(SEPARATOR, member);
  return contents;
}
