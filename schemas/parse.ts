import { z } from 'zod';
import { event, RESULT_MESSAGES } from './messages.ts';

/** Data of a `gemini-events` message, as Gemini sent it. */
export type GeminiEvent = z.infer<typeof event>;
export type JobResult = z.infer<(typeof RESULT_MESSAGES)['job.result']>;
export type ActionRequired = z.infer<(typeof RESULT_MESSAGES)['job.action_required']>;
export type ResultsCompleted = z.infer<(typeof RESULT_MESSAGES)['job.results.completed']>;
export type ResultsFailed = z.infer<(typeof RESULT_MESSAGES)['job.results.failed']>;

/** The parts of a Pub/Sub message that are read; `@google-cloud/pubsub`'s `Message` and a push body's `message` fit. */
export interface IncomingMessage {
  /** Bytes, or base64 as in the body of a push. */
  readonly data?: Uint8Array | string | null | undefined;
  readonly attributes?: Readonly<Record<string, string>> | null | undefined;
}

interface Envelope<Type extends string, Data> {
  readonly type: Type;
  /** `ce-id`: drop messages whose id has been handled before. */
  readonly id: string;
  readonly data: Data;
  readonly attributes: Readonly<Record<string, string>>;
}

/** A message of `gemini-events` or `gemini-results`; `type` narrows `data`. */
export type ParsedMessage =
  | Envelope<'job.result', JobResult>
  | Envelope<'job.action_required', ActionRequired>
  | Envelope<'job.results.completed', ResultsCompleted>
  | Envelope<'job.results.failed', ResultsFailed>
  | Envelope<'event', GeminiEvent>;

/** A message that does not have the form of this topic. Acknowledge it or dead-letter it: a retry does not help. */
export class InvalidMessageError extends Error {
  readonly code = 'INVALID_MESSAGE';
  override readonly name = 'InvalidMessageError';
}

/**
 * Validates a message and narrows it by `ce-type`.
 *
 * Numbers beyond 2^53 lose digits in JavaScript: read `message.data` itself where they matter.
 *
 * @throws {InvalidMessageError} for data that is not JSON, or not of the form of its type.
 */
export function parse(message: IncomingMessage): ParsedMessage {
  const attributes = message.attributes ?? {};
  const type = attributes['ce-type'];
  const id = attributes['ce-id'];
  if (!type || !id) throw new InvalidMessageError('The attributes ce-type and ce-id are missing.');
  const known = isResultType(type);
  const checked = (known ? RESULT_MESSAGES[type] : event).safeParse(jsonOf(message.data));
  if (!checked.success)
    throw new InvalidMessageError(`The data of ${id} is not a valid ${type}: ${z.prettifyError(checked.error)}`, {
      cause: checked.error,
    });
  return { type: known ? type : 'event', id, data: checked.data, attributes } as ParsedMessage;
}

function isResultType(type: string): type is keyof typeof RESULT_MESSAGES {
  return Object.hasOwn(RESULT_MESSAGES, type);
}

function jsonOf(data: IncomingMessage['data']): unknown {
  const bytes = typeof data === 'string' ? Buffer.from(data, 'base64') : Buffer.from(data ?? []);
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new InvalidMessageError('The data is not JSON.', { cause });
  }
}
