import type { JobKind } from './jobName.ts';
import type { JsonObject } from './json.ts';
import { type Attribute, type Message, messageIdOf, orderingBy, sourceOf, withinLimits } from './message.ts';
import { missingResults, type Progress } from './progress.ts';
import type { TokenUsage } from './tokenUsage.ts';

/** One result of a job: a line of a batch's output, an inline response, an interaction, a video. */
export interface JobResult {
  readonly index: number;
  /** The user's name for the request as JSON text, usually a string. */
  readonly key?: Buffer | undefined;
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

/** The job of the results, and the attributes that all messages about them share. */
interface ResultContext {
  readonly job: { readonly name: string; readonly kind: JobKind };
  readonly timestamp: string;
  readonly webhookId: string | undefined;
  readonly route: string | undefined;
  readonly traceparent: string | undefined;
  readonly metadata: readonly Attribute[];
}

/** A function call that waits for its result (docs/gemini-wire.md 9.4). */
export interface FunctionCall {
  readonly id: string | undefined;
  readonly name: string | undefined;
  /** Numbers that JavaScript would round are `JSON.rawJSON` values. */
  readonly arguments: unknown;
}

/** Pub/Sub's limit for a publish request is 10 MB; the rest is room for field names and the topic. */
export const MAX_MESSAGE_BYTES = 9_990_000;
const ATTRIBUTE_OVERHEAD_BYTES = 16;

/** `ce-id`, `ce-type` and the three attributes of a result. */
const OWN_ATTRIBUTES = 5;

/** A longer key exceeds the limit of an attribute in any encoding. */
const MAX_KEY_BYTES = 8_192;

const START = Buffer.from('{');
const SEPARATOR = Buffer.from(',');
const END = Buffer.from('}');

/** Returns an error in place of a result that cannot be published as it is: no result is dropped. */
export function errorResult(index: number, code: string, message: string, fields: JsonObject = {}): JobResult {
  return { index, status: 'error', fields: { ...fields, error: { code, message } } };
}

/** A message and its size as Pub/Sub's limits count it. */
export interface SizedMessage {
  readonly message: Message;
  readonly bytes: number;
}

/** Builds the messages about a job's results. A result has the same `ce-id` whenever it is published again. */
export class ResultMessages {
  readonly #name: string;
  readonly #head: string;
  readonly #shared: Readonly<Record<string, string>>;
  readonly #sharedBytes: number;
  readonly #ordering: Pick<Message, 'orderingKey'>;

  constructor({ job, timestamp, webhookId, route, traceparent, metadata }: ResultContext) {
    this.#name = job.name;
    this.#head = `{"jobId":${JSON.stringify(job.name)},"index":`;
    this.#ordering = orderingBy(job.name);
    this.#shared = withinLimits(
      [
        ['ce-specversion', '1.0'],
        ['ce-source', sourceOf(job.name)],
        ['ce-time', timestamp],
        ['content-type', 'application/json'],
        ['job_id', job.name],
        ['job_kind', job.kind],
        ['webhook_id', webhookId],
        ['route', route],
        ['ce-traceparent', traceparent],
        ...metadata,
      ],
      OWN_ATTRIBUTES,
    );
    this.#sharedBytes = sizeOfAttributes(this.#shared) + 2 * Buffer.byteLength(job.name);
  }

  result(result: JobResult): SizedMessage {
    const { index, key, status } = result;
    return this.#message('job.result', messageIdOf(this.#name, String(index)), this.#dataOf(result), [
      ['result_index', String(index)],
      ['result_key', keyText(key)],
      ['result_status', status],
    ]);
  }

  /** @param text all text of the interaction, in order. */
  actionRequired(calls: readonly FunctionCall[], text: string): SizedMessage {
    return this.#announcement('job.action_required', { calls, ...(text === '' ? {} : { text }) });
  }

  completed(progress: Progress): Message {
    const { published: total, failed: error, expected, usage } = progress;
    const counts = { total, ok: total - error, error, expected, missing: missingResults(progress), usage };
    return this.#announcement('job.results.completed', counts).message;
  }

  failed(error: { readonly code: string; readonly message: string }): Message {
    return this.#announcement('job.results.failed', { error }).message;
  }

  #announcement(type: string, fields: JsonObject): SizedMessage {
    const data = Buffer.from(JSON.stringify({ jobId: this.#name, ...fields }));
    return this.#message(type, messageIdOf(this.#name, type), data, []);
  }

  #dataOf(result: JobResult): Buffer {
    return Buffer.concat([Buffer.from(`${this.#head}${result.index}`), ...contentsOf(result, true), END]);
  }

  #message(type: string, id: string, data: Buffer, more: readonly Attribute[]): SizedMessage {
    const own = withinLimits([['ce-id', id], ['ce-type', type], ...more]);
    const message = { data, attributes: { ...this.#shared, ...own }, ...this.#ordering };
    return { message, bytes: data.length + this.#sharedBytes + sizeOfAttributes(own) };
  }
}

/** Returns the members of a result's message, apart from `jobId` and `index`, as a JSON object. */
export function resultJson(result: JobResult): Buffer {
  return Buffer.concat([START, ...contentsOf(result, false), END]);
}

function contentsOf({ fields, members = [] }: JobResult, hasMore: boolean): readonly Buffer[] {
  const own = Buffer.from(JSON.stringify(fields).slice(1, -1));
  const all = own.length === 0 ? members : [own, ...members];
  return all.flatMap((member, place) => (hasMore || place > 0 ? [SEPARATOR, member] : [member]));
}

/** Returns a key as an attribute's text: the string itself, or the digits of a number. */
function keyText(key: Buffer | undefined): string | undefined {
  if (key === undefined || key.length > MAX_KEY_BYTES) return undefined;
  const text = key.toString();
  if (text.startsWith('"')) return String(JSON.parse(text)) || undefined;
  return /^[-\d]/.test(text) ? text : undefined;
}

function sizeOfAttributes(attributes: Readonly<Record<string, string>>): number {
  let bytes = 0;
  for (const [key, value] of Object.entries(attributes)) {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value) + ATTRIBUTE_OVERHEAD_BYTES;
  }
  return bytes;
}
