import { bodyTooLarge, errorResponse, type JsonResponse } from '../http/body.ts';
import { factsOf, PUBLISH_MILLIS, publishClaimed } from '../messaging/publishClaimed.ts';
import type { Publisher } from '../messaging/publisher.ts';
import type { Delivery } from '../model/delivery.ts';
import { parseEvent } from '../model/event.ts';
import { deadLetterMessage } from '../model/message.ts';
import type { DeliveryFacts, Log, DeliveryOutcome } from '../observability/log.ts';
import { traceparentOf } from '../observability/trace.ts';
import { Deadline } from '../runtime/deadline.ts';
import { ServiceError } from '../runtime/serviceError.ts';
import type { Deliveries } from '../store/deliveries.ts';
import { type IncomingHeaders, readWebhookHeaders } from './headers.ts';
import type { Trust, Verified } from './signedRequest.ts';
import { verify } from './verify.ts';

/** A request, independent of the server. */
export interface CallbackRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHeaders;
  /**
   * Reads the body's bytes as they were sent.
   *
   * @throws {ServiceError} `BODY_TOO_LARGE`, `BODY_INCOMPLETE`
   */
  body(maxBytes: number): Promise<Buffer>;
}

interface Dependencies {
  readonly trust: Trust;
  readonly deliveries: Deliveries;
  readonly publisher: Publisher<'events' | 'deadLetter'>;
  readonly log: Log;
  readonly now: () => Date;
}

/**
 * The time for a request: Gemini expects an answer "within a few seconds" (docs/gemini-wire.md 4.6). The limit of each
 * step leaves enough to release the claim and to answer after a step that hangs.
 */
export const TOTAL_MILLIS = 8_000;
const CLAIM_MILLIS = 4_000;

/** A Gemini event has a few hundred bytes (docs/gemini-wire.md 4.2). */
const MAX_BODY_BYTES = 262_144;

/** Handles one callback. Every request gets an answer and one log entry. */
export async function handleCallback(request: CallbackRequest, dependencies: Dependencies): Promise<JsonResponse> {
  const log = dependencies.log.traced(request.headers);
  const startedAt = performance.now();
  const latencyMillis = () => Math.round(performance.now() - startedAt);
  const deadline = Deadline.inMillis(TOTAL_MILLIS);
  const reception = new Reception(request, { ...dependencies, log }, deadline);
  try {
    const message = 'The time for this delivery is over. Send the request again.';
    const outcome = await deadline.race(reception.receive(), 'DEADLINE_EXCEEDED', message);
    log.deliveryAccepted(outcome, reception.facts, latencyMillis());
    return { status: 200, body: { status: outcome, webhookId: reception.facts.webhookId } };
  } catch (error) {
    const failure = ServiceError.of(error);
    if (isFaultOfSender(failure, reception.facts)) log.deliveryRefused(failure, reception.facts, latencyMillis());
    else log.deliveryFailed(failure, reception.facts, latencyMillis());
    return errorResponse(failure);
  }
}

/** Before verification only a stalled body can time out, which is the sender's fault. */
function isFaultOfSender({ kind, reason }: ServiceError, { scheme }: DeliveryFacts): boolean {
  return kind.http < 500 || (reason === 'DEADLINE_EXCEEDED' && scheme === undefined);
}

/** One callback on its way through the pipeline: limits → headers → verify → parse → record → publish. */
class Reception {
  readonly #request: CallbackRequest;
  readonly #dependencies: Dependencies;
  readonly #deadline: Deadline;
  #facts: DeliveryFacts = {};

  constructor(request: CallbackRequest, dependencies: Dependencies, deadline: Deadline) {
    this.#request = request;
    this.#dependencies = dependencies;
    this.#deadline = deadline;
  }

  /** Identifiers of the delivery, as far as the pipeline has read them. */
  get facts(): DeliveryFacts {
    return this.#facts;
  }

  async receive(): Promise<DeliveryOutcome> {
    const { trust, deliveries } = this.#dependencies;
    const verified = await this.#verify();
    const delivery = toDelivery(verified, traceparentOf(this.#request.headers), this.#dependencies.now());
    this.#facts = factsOf(delivery);
    if (verified.inTime) return await this.#record(delivery);
    await deliveries.quarantine(delivery, 'TIMESTAMP_OUT_OF_TOLERANCE', this.#deadline.atMost(CLAIM_MILLIS));
    throw outOfTolerance(trust.toleranceSeconds);
  }

  async #verify(): Promise<Verified> {
    const { method, headers, path } = this.#request;
    requirePost(method);
    requireLength(headers);
    const webhook = readWebhookHeaders(headers);
    this.#facts = { webhookId: webhook.webhookId };
    const body = await this.#request.body(MAX_BODY_BYTES);
    const { trust, now } = this.#dependencies;
    return await verify({ path, body, ...webhook }, trust, now());
  }

  async #record(delivery: Delivery): Promise<DeliveryOutcome> {
    const claimed = await this.#dependencies.deliveries.claim(delivery, this.#deadline.atMost(CLAIM_MILLIS));
    switch (claimed.status) {
      case 'claimed': {
        const { state, messageId } = await publishClaimed(delivery, claimed, this.#dependencies, this.#deadline);
        this.#facts = { ...this.#facts, messageId };
        return state;
      }
      case 'published':
        return 'duplicate';
      case 'quarantined':
        return 'quarantined';
      case 'conflict':
        return await this.#publishConflict(delivery);
      case 'in_progress':
        throw new ServiceError(
          'DELIVERY_IN_PROGRESS',
          'Another request with this webhook-id is in progress. Send the request again.',
          claimed,
        );
    }
  }

  async #publishConflict(delivery: Delivery): Promise<'conflict'> {
    const message = deadLetterMessage(delivery, 'BODY_MISMATCH');
    const publishing = this.#deadline.atMost(PUBLISH_MILLIS);
    const messageId = await this.#dependencies.publisher.publish('deadLetter', message, publishing);
    this.#facts = { ...this.#facts, messageId };
    return 'conflict';
  }
}

function requirePost(method: string): void {
  if (method !== 'POST') throw new ServiceError('METHOD_NOT_ALLOWED', 'Send callbacks with POST.');
}

/** Rejects an oversized Content-Length before reading the body. */
function requireLength(headers: IncomingHeaders): void {
  if (Number(headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw bodyTooLarge(MAX_BODY_BYTES);
}

function toDelivery(
  { inTime: _, sentAt, ...signed }: Verified,
  traceparent: string | undefined,
  receivedAt: Date,
): Delivery {
  return { ...signed, traceparent, receivedAt, event: parseEvent(signed.payload, sentAt) };
}

function outOfTolerance(toleranceSeconds: number): ServiceError {
  return new ServiceError(
    'TIMESTAMP_OUT_OF_TOLERANCE',
    `The signature matches, but its time is more than ${toleranceSeconds} s from now. Check the clocks. A delivery with ` +
      'an unknown webhook-id is kept in quarantine, from which an operator can release it.',
  );
}
