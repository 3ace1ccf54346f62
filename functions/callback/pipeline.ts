import {
  type DeliveryPublisher,
  factsOf,
  PUBLISH_MILLIS,
  publishClaimed,
  type Settling,
} from '../messaging/publishClaimed.ts';
import type { ClaimResult, Delivery, QuarantineReason } from '../model/delivery.ts';
import { parseEvent } from '../model/event.ts';
import { deadLetterMessage } from '../model/message.ts';
import { Deadline } from '../runtime/deadline.ts';
import { bodyTooLarge } from '../http/body.ts';
import { ServiceError } from '../runtime/serviceError.ts';
import type { DeliveryFacts, Log, Outcome } from '../observability/log.ts';
import { type IncomingHeaders, readWebhookHeaders } from './headers.ts';
import { traceparentOf } from '../observability/trace.ts';
import { type Trust, type Verified, verify } from './verify.ts';

/** A request, whatever serves it. */
export interface CallbackRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHeaders;
  /**
   * The body's bytes as they were sent.
   *
   * @throws {ServiceError} `BODY_TOO_LARGE`, `BODY_INCOMPLETE`
   */
  body(maxBytes: number): Promise<Buffer>;
}

/** An answer, whatever sends it. */
export interface CallbackAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
}

interface DeliveryStore<Claim> extends Settling<Claim> {
  claim(delivery: Delivery, deadline: Deadline): Promise<ClaimResult<Claim>>;
  quarantine(delivery: Delivery, reason: QuarantineReason, deadline: Deadline): Promise<void>;
}

export interface Dependencies<Claim> {
  readonly trust: Trust;
  readonly deliveries: DeliveryStore<Claim>;
  readonly publisher: DeliveryPublisher;
  readonly log: Log;
  readonly now: () => Date;
}

/**
 * The time for everything, since Gemini wants an answer "within a few seconds" (G 4.6), and for each step of it, so that
 * one that hangs leaves enough to give the claim back and to answer.
 */
export const TOTAL_MILLIS = 8_000;
const CLAIM_MILLIS = 4_000;

/** A Gemini event is thin: a few hundred bytes (G 4.2). */
const MAX_BODY_BYTES = 262_144;

/** Handles one callback and answers it, whatever happens. */
export async function handleCallback<Claim>(
  request: CallbackRequest,
  dependencies: Dependencies<Claim>,
): Promise<CallbackAnswer> {
  const log = dependencies.log.traced(request.headers);
  const startedAt = performance.now();
  const latencyMillis = () => Math.round(performance.now() - startedAt);
  const deadline = Deadline.inMillis(TOTAL_MILLIS);
  const facts: DeliveryFacts = {};
  try {
    const receiving = receive(request, { ...dependencies, log }, facts, deadline);
    const outcome = await deadline.race(
      receiving,
      'DEADLINE_EXCEEDED',
      'The time for this delivery is over; send it again.',
    );
    log.deliveryAccepted(outcome, facts, latencyMillis());
    return { status: 200, headers: {}, body: { status: outcome, webhookId: facts.webhookId } };
  } catch (error) {
    const failure = ServiceError.of(error);
    if (isOfSender(failure, facts)) log.deliveryRefused(failure, facts, latencyMillis());
    else log.deliveryFailed(failure, facts, latencyMillis());
    return { status: failure.kind.http, headers: failure.headers, body: failure.toJSON() };
  }
}

/** Nothing but a body that does not come can use up the time before something is verified; that is no alert of ours. */
function isOfSender({ kind, reason }: ServiceError, { scheme }: DeliveryFacts): boolean {
  return kind.http < 500 || (reason === 'DEADLINE_EXCEEDED' && scheme === undefined);
}

/** The pipeline: limits → headers → verify → parse → record → publish → settle. */
async function receive<Claim>(
  request: CallbackRequest,
  dependencies: Dependencies<Claim>,
  facts: DeliveryFacts,
  deadline: Deadline,
): Promise<Outcome> {
  const { trust, deliveries, publisher, now } = dependencies;

  requirePost(request.method);
  requireLength(request.headers);
  const headers = readWebhookHeaders(request.headers);
  facts.webhookId = headers.webhookId;
  const body = await request.body(MAX_BODY_BYTES);

  const receivedAt = now();
  const verified = await verify({ path: request.path, body, ...headers }, trust, receivedAt);
  const delivery = toDelivery(verified, receivedAt, traceparentOf(request.headers));
  Object.assign(facts, factsOf(delivery));
  if (!verified.inTime) {
    await deliveries.quarantine(delivery, 'TIMESTAMP_OUT_OF_TOLERANCE', deadline.atMost(CLAIM_MILLIS));
    throw outOfTolerance(trust.toleranceSeconds);
  }

  const claimed = await deliveries.claim(delivery, deadline.atMost(CLAIM_MILLIS));
  switch (claimed.status) {
    case 'claimed':
      return await publishClaimed(delivery, claimed, { ...dependencies, facts }, deadline);
    case 'published':
      return 'duplicate';
    case 'quarantined':
      return 'quarantined';
    case 'conflict':
      facts.messageId = await publisher.publish(
        'deadLetter',
        deadLetterMessage(delivery, 'BODY_MISMATCH'),
        deadline.atMost(PUBLISH_MILLIS),
      );
      return 'conflict';
    case 'in_progress':
      throw new ServiceError(
        'DELIVERY_IN_PROGRESS',
        'This webhook-id is being handled right now; send it again.',
        claimed,
      );
  }
}

function requirePost(method: string): void {
  if (method !== 'POST') throw new ServiceError('METHOD_NOT_ALLOWED', 'Callbacks are sent with POST.');
}

/** What says that it is too large is not waited for. */
function requireLength(headers: IncomingHeaders): void {
  if (Number(headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw bodyTooLarge(MAX_BODY_BYTES);
}

function toDelivery(verified: Verified, receivedAt: Date, traceparent: string | undefined): Delivery {
  const { webhookId, scheme, route, payload, bodySha256, claimsSha256 } = verified;
  const event = parseEvent(payload, verified.sentAt);
  return {
    webhookId,
    scheme,
    payload,
    bodySha256,
    receivedAt,
    ...(claimsSha256 ? { claimsSha256 } : {}),
    ...(route ? { route } : {}),
    ...(traceparent ? { traceparent } : {}),
    ...(event ? { event } : {}),
  };
}

function outOfTolerance(toleranceSeconds: number): ServiceError {
  return new ServiceError(
    'TIMESTAMP_OUT_OF_TOLERANCE',
    `The signature matches, but it was made more than ${toleranceSeconds} s from now. Check the clocks; a delivery whose ` +
      'id is not known is kept in quarantine, from which an operator can release it.',
  );
}
