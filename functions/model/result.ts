import type { JobKind } from './jobName.ts';
import { isJsonObject, type JsonObject, textOf } from './json.ts';
import { type Attribute, type Message, messageIdOf, orderingBy, sourceOf, withinLimits } from './message.ts';

/** One result of a job: a line of a batch's output, an inline response, an interaction, a video. */
export interface JobResult {
  readonly index: number;
  /** The user's own name for the request, as it came: a text, as a rule. */
  readonly key?: unknown;
  readonly status: 'ok' | 'error';
  /** What the message says beside the job's id and the index: `response`, `error`, or `uri` and `bytes`. */
  readonly fields: JsonObject;
  /** The same as the bytes of a JSON object, where it came so: it is passed on as it is. */
  readonly json?: Buffer | undefined;
  /** What the message cannot hold beside them: it goes to the bucket, and its `uri` and `bytes` into the message. */
  readonly content?: Buffer | undefined;
  /** Of the content, where it is no JSON. */
  readonly contentType?: string | undefined;
}

export interface Counts {
  readonly published: number;
  /** Of them, errors. */
  readonly failed: number;
}

/** The job that results are of, and what every message about them carries. */
export interface ResultContext {
  readonly job: { readonly name: string; readonly kind: JobKind };
  readonly timestamp: string;
  readonly webhookId: string | undefined;
  readonly route: string | undefined;
  readonly traceparent: string | undefined;
  readonly metadata: readonly Attribute[];
}

/** A function call that an interaction waits for (G 9.4). */
export interface FunctionCall {
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly arguments: unknown;
}

/** What Pub/Sub takes with everything around it: 10 MB, and some for the names of fields and the topic. */
export const MAX_MESSAGE_BYTES = 9_990_000;
const ATTRIBUTE_OVERHEAD_BYTES = 16;

/** `ce-id`, `ce-type` and the three of a result. */
const OWN_ATTRIBUTES = 5;

/** A request that Gemini answered, in either way that batches give it: a response or an error, and the user's key. */
export function resultOf(entry: JsonObject, index: number, json?: Buffer): JobResult {
  const key = keyOf(entry);
  const hasError = isGiven(entry['error']);
  if (!hasError && !isGiven(entry['response']))
    return { index, key, status: 'error', fields: { ...entry, key, error: NO_RESULT } };
  const spliced = json && !('jobId' in entry || 'index' in entry) && key === entry['key'] ? json : undefined;
  return { index, key, status: hasError ? 'error' : 'ok', fields: { ...entry, key }, json: spliced };
}

export const NO_RESULT = { code: 'NO_RESULT', message: 'Gemini gave neither a response nor an error.' } as const;

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** The key of a line; inline requests have none, but by custom one in their metadata. */
export function keyOf(entry: JsonObject): unknown {
  const metadata = isJsonObject(entry['metadata']) ? entry['metadata'] : {};
  return entry['key'] ?? metadata['key'];
}

/** A result that cannot be passed on as it is; it is counted, and never dropped. */
export function errorResult(index: number, code: string, message: string, fields: JsonObject = {}): JobResult {
  return { index, key: fields['key'], status: 'error', fields: { ...fields, error: { code, message } } };
}

/** A message, and what it counts for towards Pub/Sub's limits. */
export interface SizedMessage {
  readonly message: Message;
  readonly bytes: number;
}

/**
 * The messages about a job's results; the same result has the same `ce-id` however often it is sent.
 *
 * There can be millions of them, so what is the same in all is made once.
 */
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
      ['result_key', textOf(key) || undefined],
      ['result_status', status],
    ]);
  }

  actionRequired(calls: readonly FunctionCall[]): SizedMessage {
    return this.#announcement('job.action_required', { calls });
  }

  completed({ published, failed }: Counts): Message {
    const counts = { total: published, ok: published - failed, error: failed };
    return this.#announcement('job.results.completed', counts).message;
  }

  failed(error: { readonly code: string; readonly message: string }): Message {
    return this.#announcement('job.results.failed', { error }).message;
  }

  #announcement(type: string, fields: JsonObject): SizedMessage {
    const data = Buffer.from(JSON.stringify({ jobId: this.#name, ...fields }));
    return this.#message(type, messageIdOf(this.#name, type), data, []);
  }

  /** What came as JSON goes on as it came, behind our own fields. */
  #dataOf({ index, fields, json }: JobResult): Buffer {
    const head = `${this.#head}${index},`;
    if (json) return Buffer.concat([Buffer.from(head), json.subarray(1)]);
    return Buffer.from(head + JSON.stringify(fields).slice(1));
  }

  #message(type: string, id: string, data: Buffer, more: readonly Attribute[]): SizedMessage {
    const own = withinLimits([['ce-id', id], ['ce-type', type], ...more]);
    const message = { data, attributes: { ...this.#shared, ...own }, ...this.#ordering };
    return { message, bytes: data.length + this.#sharedBytes + sizeOfAttributes(own) };
  }
}

function sizeOfAttributes(attributes: Readonly<Record<string, string>>): number {
  let bytes = 0;
  for (const [key, value] of Object.entries(attributes)) {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value) + ATTRIBUTE_OVERHEAD_BYTES;
  }
  return bytes;
}
