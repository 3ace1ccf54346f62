import type { RequestListener } from 'node:http';
import type { Log } from '../observability/log.ts';
import { ServiceError } from '../runtime/serviceError.ts';
import { readBytes } from './body.ts';
import { jsonListener } from './json.ts';

/** A message of a Pub/Sub topic, pushed in any of the three forms. */
export interface PushedMessage {
  readonly data: Buffer;
  readonly attributes: Readonly<Record<string, string>>;
  readonly publishTime: Date;
}

/**
 * Handles one message. Returning acknowledges it; throwing has Pub/Sub deliver it again.
 *
 * @throws {ServiceError}
 */
export type EventHandler = (message: PushedMessage) => Promise<void>;

/** The limit of a message, 10 MB, in base64, and its envelope. */
const MAX_BODY_BYTES = 16_777_216;

/** Serves a handler to Eventarc (binary or structured CloudEvents) and to push subscriptions of Pub/Sub. */
export function eventListener(handle: EventHandler, log: Log): RequestListener {
  return jsonListener(async (request) => {
    await handle(messageOfEvent(parseJson(await readBytes(request, MAX_BODY_BYTES))));
    return { status: 204 };
  }, log);
}

/**
 * Reads the message of a pushed body: an event's data (binary), the event itself (structured, or as the Framework
 * passes it), or Pub/Sub's own envelope.
 *
 * @throws {ServiceError} `INVALID_EVENT`
 */
export function messageOfEvent(body: unknown): PushedMessage {
  const event = isRecord(body) && isRecord(body['data']) ? body['data'] : body;
  const message = isRecord(event) && isRecord(event['message']) ? event['message'] : event;
  if (!isRecord(message) || !('data' in message || 'attributes' in message)) throw noEvent();
  const { data = '', attributes, publishTime } = message;
  if (typeof data !== 'string') throw noEvent();
  return {
    data: Buffer.from(data, 'base64'),
    attributes: isRecord(attributes) ? textsOf(attributes) : {},
    publishTime: timeOf(publishTime),
  };
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw noEvent(cause);
  }
}

function textsOf(attributes: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).filter((entry) => typeof entry[1] === 'string')) as Record<
    string,
    string
  >;
}

function timeOf(text: unknown): Date {
  const time = new Date(typeof text === 'string' ? text : Number.NaN);
  return Number.isNaN(time.getTime()) ? new Date() : time;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function noEvent(cause?: unknown): ServiceError {
  return new ServiceError('INVALID_EVENT', 'The body is not a Pub/Sub message: it is not JSON, or has no data.', {
    cause,
  });
}
