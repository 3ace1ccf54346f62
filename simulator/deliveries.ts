import type { Base } from './base.ts';
import { isoTime } from './clock.ts';
import { ApiError, notFound } from './errors.ts';
import { eventBody, pingBody } from './events.ts';
import type { GeminiEvent } from './events.ts';
import type { Keys } from './keys.ts';
import type { AttemptAnswer, AttemptFault, AttemptRecord, DeliveryRecord, Ledger } from './ledger.ts';
import { Poster } from './post.ts';
import { newSecret, signJwt, signV1, signV1a } from './signing.ts';
import type { SignedMessage } from './signing.ts';
import type { Webhook, Webhooks } from './webhooks.ts';

type Target = { readonly webhook: Webhook } | { readonly uri: string };

interface DeliveryServices extends Base {
  readonly ledger: Ledger;
  readonly keys: Keys;
  readonly webhooks: Webhooks;
}

const HOLD_MILLIS = 60_000;
const JWT_LIFETIME_SECONDS = 300;
const ISSUER = 'https://generativelanguage.googleapis.com';

/** Delivers events: signs, sends and retries until the endpoint answers 2xx or the retry window ends (docs/gemini-wire.md 4.6). */
export class Deliveries {
  readonly #services: DeliveryServices;
  readonly #poster = new Poster();
  /** Deliveries held back by URI, each until the next one to that URI is sent. */
  readonly #held = new Map<string, () => void>();

  constructor(services: DeliveryServices) {
    this.#services = services;
  }

  /** Delivers an event to the URIs of its job, or else to the webhooks that subscribed to its type (docs/gemini-wire.md 4.7). */
  readonly emit = (event: GeminiEvent): void => {
    const uris = event.webhookConfig?.uris ?? [];
    const targets: Target[] =
      uris.length > 0
        ? uris.map((uri) => ({ uri }))
        : this.#services.webhooks.subscribed(event.type).map((webhook) => ({ webhook }));
    const label = this.#services.random.next('event');
    if (this.#services.random.chance(`${label}/unknown type`, this.#services.settings.get().faults.unknownType)) {
      this.#emitTo(targets, { ...event, type: `${event.type.split('.')[0]}.reticulated` }, `${label}/unknown`);
    }
    this.#emitTo(targets, event, label);
  };

  ping(webhook: Webhook): DeliveryRecord {
    const body = JSON.stringify(
      pingBody(webhook.id, this.#services.clock.now(), this.#services.settings.get().deliveries.ping),
    );
    this.#services.ledger.event({ type: 'webhook.ping', jobName: undefined, body });
    return this.#deliver({ webhook }, 'webhook.ping', undefined, body, this.#services.random.next('event'));
  }

  /** Makes one more attempt of each delivery with this id now, with the given fault, and waits for the answers. */
  async redeliver(webhookId: string, ...faults: readonly AttemptFault[]): Promise<void> {
    await Promise.all(this.#find(webhookId).map(async (delivery) => await this.#attempt(delivery, faults)));
  }

  /** Sends the next delivery to the same URI again, then this one. Throws where there is no next one. */
  async reorder(webhookId: string): Promise<void> {
    for (const delivery of this.#find(webhookId)) {
      const { deliveries } = this.#services.ledger;
      const later = deliveries.slice(deliveries.indexOf(delivery) + 1).find(({ uri }) => uri === delivery.uri);
      if (later === undefined) {
        throw new ApiError('FAILED_PRECONDITION', `No later delivery to ${delivery.uri}. Start another job first.`);
      }
      await this.#attempt(later, []);
      await this.#attempt(delivery, []);
    }
  }

  close(): void {
    this.#poster.close();
  }

  #find(webhookId: string): DeliveryRecord[] {
    const deliveries = this.#services.ledger.deliveries.filter((delivery) => delivery.webhookId === webhookId);
    if (deliveries.length === 0) throw notFound('Delivery', webhookId);
    return deliveries;
  }

  #emitTo(targets: readonly Target[], event: GeminiEvent, label: string): void {
    const { userMetadata } = this.#services.settings.get().deliveries;
    const body = JSON.stringify(eventBody(event, this.#services.clock.now(), userMetadata));
    this.#services.ledger.event({ type: event.type, jobName: event.jobName, body });
    for (const target of targets) this.#deliver(target, event.type, event.jobName, body, label);
  }

  #deliver(
    target: Target,
    eventType: string,
    jobName: string | undefined,
    body: string,
    eventLabel: string,
  ): DeliveryRecord {
    const label = this.#services.settings.get().deliveries.sharedId
      ? eventLabel
      : this.#services.random.next('delivery');
    const webhookId = `msg_${this.#services.random.uuid(`${label}/id`)}`;
    const dropped = this.#services.random.chance(`${webhookId}/drop`, this.#services.settings.get().faults.drop);
    const delivery = this.#services.ledger.delivery({
      webhookId,
      eventType,
      jobName,
      kind: 'webhook' in target ? 'static' : 'dynamic',
      webhook: 'webhook' in target ? target.webhook.id : undefined,
      uri: 'webhook' in target ? target.webhook.uri : target.uri,
      body,
      state: dropped ? 'dropped' : 'waiting',
    });
    if (dropped) this.#services.ledger.deliveryChanged(delivery);
    else this.#sendFirst(delivery);
    return delivery;
  }

  #sendFirst(delivery: DeliveryRecord): void {
    const { faults, deliveries } = this.#services.settings.get();
    const hit = (fault: 'delay' | 'duplicate' | 'reorder') =>
      this.#services.random.chance(`${delivery.webhookId}/${fault}`, faults[fault]);
    const delay = (deliveries.retryDelaysMillis[0] ?? 0) + (hit('delay') ? faults.delayMillis : 0);
    const release = this.#held.get(delivery.uri);
    if (hit('reorder') && release === undefined) {
      this.#hold(delivery);
    } else {
      this.#schedule(delivery, delay);
      if (hit('duplicate')) this.#services.clock.after(delay, async () => await this.#duplicate(delivery));
    }
    release?.();
  }

  async #duplicate(delivery: DeliveryRecord): Promise<void> {
    if (this.#isWanted(delivery)) await this.#attempt(delivery, ['duplicate']);
  }

  #hold(delivery: DeliveryRecord): void {
    const release = () => {
      timer.cancel();
      this.#held.delete(delivery.uri);
      this.#schedule(delivery, 1);
    };
    const timer = this.#services.clock.after(HOLD_MILLIS - 1, release);
    this.#held.set(delivery.uri, release);
    this.#announce(delivery, HOLD_MILLIS);
  }

  /** `step` is the attempt's place among `retryDelaysMillis`; duplicates and redeliveries have none. */
  #schedule(delivery: DeliveryRecord, delayMillis: number, step = 0): void {
    this.#announce(delivery, delayMillis);
    this.#services.clock.after(delayMillis, async () => {
      delivery.nextAttemptTime = undefined;
      if (delivery.state !== 'waiting') return;
      if (this.#isWanted(delivery)) await this.#attemptAndRetry(delivery, step);
      else this.#settle(delivery, 'cancelled');
    });
  }

  #announce(delivery: DeliveryRecord, delayMillis: number): void {
    delivery.nextAttemptTime = isoTime(this.#services.clock.now() + delayMillis);
    this.#services.ledger.deliveryChanged(delivery);
  }

  /** Nothing is sent to a webhook that was deleted or disabled meanwhile, pings excepted. */
  #isWanted({ webhook, eventType }: DeliveryRecord): boolean {
    if (webhook === undefined) return true;
    if (!this.#services.webhooks.has(webhook)) return false;
    return this.#services.webhooks.get(webhook).state === 'enabled' || eventType === 'webhook.ping';
  }

  async #attemptAndRetry(delivery: DeliveryRecord, step: number): Promise<void> {
    const { retryDelaysMillis, giveUpAfterMillis } = this.#services.settings.get().deliveries;
    await this.#attempt(delivery, []);
    if (delivery.state !== 'waiting') return;
    const delay = retryDelaysMillis[step + 1];
    const end = Date.parse(delivery.time) + giveUpAfterMillis;
    if (delay === undefined || this.#services.clock.now() + delay > end) this.#settle(delivery, 'given_up');
    else this.#schedule(delivery, delay, step + 1);
  }

  async #attempt(delivery: DeliveryRecord, given: readonly AttemptFault[]): Promise<void> {
    const { timeoutMillis } = this.#services.settings.get().deliveries;
    const faults = [...given, ...this.#attemptFaults(delivery)];
    const requestHeaders = this.#headers(delivery, faults);
    const attempt = this.#services.ledger.attempt(delivery, { requestHeaders, faults });
    const answer = await this.#poster.post(delivery.uri, requestHeaders, delivery.body, timeoutMillis);
    this.#services.ledger.attemptAnswered(delivery, attempt, answer);
    if (isAccepted(answer, attempt)) this.#settle(delivery, 'delivered');
  }

  #settle(delivery: DeliveryRecord, state: 'delivered' | 'given_up' | 'cancelled'): void {
    const first = delivery.state !== 'delivered';
    delivery.state = state;
    delivery.nextAttemptTime = undefined;
    this.#services.ledger.deliveryChanged(delivery);
    if (
      !first ||
      state === 'cancelled' ||
      delivery.webhook === undefined ||
      !this.#services.webhooks.has(delivery.webhook)
    )
      return;
    const { disableAfterGivenUp } = this.#services.settings.get().deliveries;
    this.#services.webhooks.settle(
      this.#services.webhooks.get(delivery.webhook),
      state === 'delivered',
      disableAfterGivenUp,
    );
  }

  #attemptFaults({ webhookId, attempts }: DeliveryRecord): AttemptFault[] {
    const { faults } = this.#services.settings.get();
    const rates = {
      stale: faults.stale,
      unsigned: faults.unsigned,
      wrong_signature: faults.wrongSignature,
      lost_answer: faults.lostAnswer,
    };
    const names = Object.keys(rates) as (keyof typeof rates)[];
    return names.filter((name) =>
      this.#services.random.chance(`${webhookId}/${attempts.length + 1}/${name}`, rates[name]),
    );
  }

  #headers(delivery: DeliveryRecord, faults: readonly AttemptFault[]): Record<string, string> {
    const settings = this.#services.settings.get();
    const nowMillis = settings.deliveries.timestamp === 'machine' ? Date.now() : this.#services.clock.now();
    const ageMillis = faults.includes('stale') ? settings.faults.staleMillis : 0;
    const timestampSeconds = Math.floor((nowMillis - ageMillis) / 1000);
    const message = { id: delivery.webhookId, timestampSeconds, body: delivery.body };
    const headers = {
      'Content-Type': 'application/json',
      'Content-Length': String(Buffer.byteLength(delivery.body)),
      'User-Agent': 'Gemini-API-Simulator',
      'Webhook-Id': delivery.webhookId,
      'Webhook-Timestamp': String(timestampSeconds),
    };
    if (faults.includes('unsigned')) return headers;
    return { ...headers, 'Webhook-Signature': this.#signature(delivery, message, faults.includes('wrong_signature')) };
  }

  #signature(delivery: DeliveryRecord, message: SignedMessage, wrong: boolean): string {
    if (delivery.webhook !== undefined) return this.#staticSignature(delivery.webhook, message, wrong);
    const key = wrong ? this.#services.keys.foreign() : this.#services.keys.signer(delivery.webhookId);
    if (this.#services.settings.get().deliveries.scheme === 'v1a') return signV1a(key, message);
    const kid = this.#services.settings.get().jwks.keyIds ? { kid: key.kid } : {};
    return signJwt(key, { alg: key.alg, ...kid, typ: 'JWT' }, this.#claims(delivery, message));
  }

  #staticSignature(webhook: string, message: SignedMessage, wrong: boolean): string {
    const secrets = wrong
      ? [newSecret(this.#services.random.bytes('foreign secret', 32))]
      : this.#services.webhooks.secrets(this.#services.webhooks.get(webhook)).map(({ value }) => value);
    return secrets.map((secret) => signV1(secret, message)).join(' ');
  }

  /** Made up, because the guide does not describe the token's claims (docs/gemini-wire.md 5.3). */
  #claims({ uri, body }: DeliveryRecord, { id, timestampSeconds }: SignedMessage): object {
    return {
      iss: ISSUER,
      aud: this.#services.settings.get().deliveries.audience ?? uri,
      iat: timestampSeconds,
      exp: timestampSeconds + JWT_LIFETIME_SECONDS,
      jti: id,
      ...(JSON.parse(body) as object),
    };
  }
}

function isAccepted({ status = 0 }: AttemptAnswer, { faults }: AttemptRecord): boolean {
  return status >= 200 && status < 300 && !faults.includes('lost_answer');
}
