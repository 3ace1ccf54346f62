import type { JobKind } from './jobName.ts';
import type { JsonObject } from './json.ts';
import {
  type Attribute,
  fitsAttribute,
  type Message,
  messageIds,
  orderingBy,
  sourceOf,
  withinLimits,
} from './message.ts';
import { missingResults, type Progress } from './progress.ts';
import { CommonFields, EncodableMessage } from './publishRequest.ts';
import { memberPieces, type FunctionCall, type JobResult } from './result.ts';

/** The job of the results, and the attributes that all messages about them share. */
export interface ResultContext {
  readonly job: { readonly name: string; readonly kind: JobKind };
  /** Time of the event that announces the results, RFC 3339. */
  readonly timestamp: string;
  readonly webhookId: string | undefined;
  readonly route: string | undefined;
  /** Trace context of the callback's request. */
  readonly traceparent: string | undefined;
  /** The attributes `meta_<key>`: the job's user metadata. */
  readonly metadata: readonly Attribute[];
}

/** `ce-id`, `ce-type` and the three attributes of a result. */
const OWN_ATTRIBUTES = 5;

/** A longer key exceeds the limit of an attribute in any encoding. */
const MAX_KEY_BYTES = 8_192;

const END = Buffer.from('}');

/** Builds the messages about a job's results. A result has the same `ce-id` whenever it is published again. */
export class ResultMessages {
  readonly #name: string;
  readonly #head: string;
  readonly #idOf: (part: string) => string;
  readonly #shared: Readonly<Record<string, string>>;
  readonly #ordering: Pick<Message, 'orderingKey'>;
  readonly #ofResults: CommonFields;

  constructor({ job, timestamp, webhookId, route, traceparent, metadata }: ResultContext) {
    this.#name = job.name;
    this.#head = `{"jobId":${JSON.stringify(job.name)},"index":`;
    this.#idOf = messageIds(job.name);
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
    this.#ofResults = this.#commonOf('job.result');
  }

  result(result: JobResult): EncodableMessage {
    const index = String(result.index);
    const own: Record<string, string> = {
      'ce-id': this.#idOf(index),
      result_index: index,
      result_status: result.status,
    };
    const key = typeof result.key === 'string' ? result.key : keyText(result.key);
    if (key !== undefined && key !== '' && fitsAttribute(key)) own['result_key'] = key;
    return new EncodableMessage(this.#ofResults, own, [Buffer.from(this.#head + index), ...memberPieces(result), END]);
  }

  /** @param text all text of the interaction, in order. */
  actionRequired(calls: readonly FunctionCall[], text: string): EncodableMessage {
    return this.#announcement('job.action_required', { calls, ...(text === '' ? {} : { text }) });
  }

  completed(progress: Progress): EncodableMessage {
    const { published: total, failed: error, expected, usage } = progress;
    const counts = { total, ok: total - error, error, expected, missing: missingResults(progress), usage };
    return this.#announcement('job.results.completed', counts);
  }

  failed(error: { readonly code: string; readonly message: string }): EncodableMessage {
    return this.#announcement('job.results.failed', { error });
  }

  #announcement(type: string, fields: JsonObject): EncodableMessage {
    const data = Buffer.from(JSON.stringify({ jobId: this.#name, ...fields }));
    return new EncodableMessage(this.#commonOf(type), { 'ce-id': this.#idOf(type) }, [data]);
  }

  #commonOf(type: string): CommonFields {
    return new CommonFields({ attributes: { 'ce-type': type, ...this.#shared }, ...this.#ordering });
  }
}

/** Returns a key as an attribute's text: the string itself, or the digits of a number. */
function keyText(key: Buffer | undefined): string | undefined {
  if (key === undefined || key.length > MAX_KEY_BYTES) return undefined;
  const text = key.toString();
  if (text.startsWith('"')) return String(JSON.parse(text));
  return /^[-\d]/.test(text) ? text : undefined;
}
