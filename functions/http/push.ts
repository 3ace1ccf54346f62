import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { readBytes, sendJson } from './body.ts';
import { ServiceError } from '../runtime/serviceError.ts';

/** A message of a Pub/Sub topic, in whatever way it was pushed. */
export interface PushedMessage {
  readonly data: Buffer;
  readonly attributes: Readonly<Record<string, string>>;
  readonly publishTime: Date;
}

/**
 * Handles one message. To return is to acknowledge it; it is sent again where this throws.
 *
 * @throws {ServiceError}
 */
export type EventHandler = (message: PushedMessage) => Promise<void>;

/** A message of 10 MB in base64, with what stands around it. */
const MAX_BODY_BYTES = 16_777_216;

/** Serves a handler to Eventarc (binary or structured CloudEvents) and to a push subscription of Pub/Sub's. */
export function eventListener(handle: EventHandler): RequestListener {
  return (request, response) => {
    void answer(request, response, handle);
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, handle: EventHandler): Promise<void> {
  try {
    if (request.method !== 'POST') throw new ServiceError('METHOD_NOT_ALLOWED', 'Events are sent with POST.');
    await handle(messageOfEvent(parseJson(await readBytes(request, MAX_BODY_BYTES))));
    response.writeHead(204).end();
  } catch (error) {
    const failure = ServiceError.of(error);
    sendJson(request, response, failure.kind.http, failure.headers, failure);
  }
}

/**
 * The message in a pushed body: an event's data (binary), the event itself (structured, or as the Framework gives it),
 * or Pub/Sub's own form.
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
  return new ServiceError('INVALID_EVENT', 'This is no message of Pub/Sub: not JSON, or without data.', { cause });
}
