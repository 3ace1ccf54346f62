import { attemptHeaders } from './attemptHeaders.ts';
import type { SigningServices } from './attemptHeaders.ts';
import { isoTime } from '../clock.ts';
import { ApiError, notFound } from '../errors.ts';
import { eventBody, pingBody } from './events.ts';
import type { GeminiEvent } from './events.ts';
import type { AttemptFault, DeliveryRecord, Ledger } from '../ledger.ts';
import { Poster } from './post.ts';
import type { Webhook } from './webhooks.ts';

interface DeliveryServices extends SigningServices {
  readonly ledger: Ledger;
}

/** The endpoint of a delivery: a registered webhook, or a URI of the job. */
interface Target {
  readonly uri: string;
  readonly webhook: string | undefined;
}

/** An event as it is sent. The label makes its random choices. */
interface Outgoing {
  readonly label: string;
  readonly type: string;
  readonly jobName: string | undefined;
  readonly body: string;
}

const HOLD_MILLIS = 60_000;
/** Faults of single attempts, and the settings of their shares. */
const ATTEMPT_RATES = [
  ['stale', 'stale'],
  ['unsigned', 'unsigned'],
  ['wrong_signature', 'wrongSignature'],
  ['lost_answer', 'lostAnswer'],
] as const;

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
    const { random, settings, webhooks } = this.#services;
    const uris = event.webhookConfig?.uris ?? [];
    const targets =
      uris.length > 0
        ? uris.map((uri) => ({ uri, webhook: undefined }))
        : webhooks.subscribed(event.type).map(({ id, uri }) => ({ uri, webhook: id }));
    const label = random.next('event');
    if (random.chance(`${label}/unknown type`, settings.get().faults.unknownType)) {
      this.#emitTo(targets, { ...event, type: `${event.type.split('.')[0]}.reticulated` }, `${label}/unknown`);
    }
    this.#emitTo(targets, event, label);
  };

  ping({ id, uri }: Webhook): DeliveryRecord {
    const { random, settings, clock, ledger } = this.#services;
    const body = JSON.stringify(pingBody(id, clock.now(), settings.get().deliveries.ping));
    const ping = { type: 'webhook.ping', jobName: undefined, body };
    ledger.event(ping);
    return this.#deliver({ uri, webhook: id }, { ...ping, label: random.next('event') });
  }

  /** Makes one more attempt of each delivery with this id now, with the given fault, and waits for the answers. */
  async redeliver(webhookId: string, fault?: AttemptFault): Promise<void> {
    await Promise.all(this.#find(webhookId).map(async (delivery) => await this.#attempt(delivery, fault)));
  }

  /** Sends the next delivery to the same URI again, then this one. Throws FAILED_PRECONDITION if there is no next one. */
  async reorder(webhookId: string): Promise<void> {
    for (const delivery of this.#find(webhookId)) {
      const { deliveries } = this.#services.ledger;
      const later = deliveries.slice(deliveries.indexOf(delivery) + 1).find(({ uri }) => uri === delivery.uri);
      if (later === undefined) {
        throw new ApiError('FAILED_PRECONDITION', `No later delivery to ${delivery.uri}. Start another job first.`);
      }
      await this.#attempt(later);
      await this.#attempt(delivery);
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
    const { settings, clock, ledger } = this.#services;
    const body = JSON.stringify(eventBody(event, clock.now(), settings.get().deliveries.userMetadata));
    const { type, jobName } = event;
    ledger.event({ type, jobName, body });
    for (const target of targets) this.#deliver(target, { label, type, jobName, body });
  }

  #deliver({ uri, webhook }: Target, { label, type: eventType, jobName, body }: Outgoing): DeliveryRecord {
    const { random, settings, ledger } = this.#services;
    const { deliveries, faults } = settings.get();
    const webhookId = `msg_${random.uuid(`${deliveries.sharedId ? label : random.next('delivery')}/id`)}`;
    const dropped = random.chance(`${webhookId}/drop`, faults.drop);
    const kind = webhook === undefined ? 'dynamic' : 'static';
    const state = dropped ? 'dropped' : 'waiting';
    const delivery = ledger.delivery({ webhookId, eventType, jobName, kind, webhook, uri, body, state });
    if (dropped) ledger.deliveryChanged(delivery);
    else this.#sendFirst(delivery);
    return delivery;
  }

  #sendFirst(delivery: DeliveryRecord): void {
    const { random, settings, clock } = this.#services;
    const { faults, deliveries } = settings.get();
    const hit = (fault: 'delay' | 'duplicate' | 'reorder') =>
      random.chance(`${delivery.webhookId}/${fault}`, faults[fault]);
    const delay = (deliveries.retryDelaysMillis[0] ?? 0) + (hit('delay') ? faults.delayMillis : 0);
    const release = this.#held.get(delivery.uri);
    if (hit('reorder') && release === undefined) {
      this.#hold(delivery);
    } else {
      this.#schedule(delivery, delay);
      if (hit('duplicate')) clock.after(delay, async () => await this.#duplicate(delivery));
    }
    release?.();
  }

  async #duplicate(delivery: DeliveryRecord): Promise<void> {
    if (this.#isWanted(delivery)) await this.#attempt(delivery, 'duplicate');
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

  /** Returns false for a webhook that was deleted or disabled meanwhile, except for pings. */
  #isWanted({ webhook: id, eventType }: DeliveryRecord): boolean {
    if (id === undefined) return true;
    const webhook = this.#services.webhooks.find(id);
    return webhook !== undefined && (webhook.state === 'enabled' || eventType === 'webhook.ping');
  }

  async #attemptAndRetry(delivery: DeliveryRecord, step: number): Promise<void> {
    const { settings, clock } = this.#services;
    const { retryDelaysMillis, giveUpAfterMillis } = settings.get().deliveries;
    await this.#attempt(delivery);
    if (delivery.state !== 'waiting') return;
    const delay = retryDelaysMillis[step + 1];
    const end = Date.parse(delivery.time) + giveUpAfterMillis;
    if (delay === undefined || clock.now() + delay > end) this.#settle(delivery, 'given_up');
    else this.#schedule(delivery, delay, step + 1);
  }

  async #attempt(delivery: DeliveryRecord, given?: AttemptFault): Promise<void> {
    const { settings, random, ledger } = this.#services;
    const { deliveries, faults: rates } = settings.get();
    const label = `${delivery.webhookId}/${delivery.attempts.length + 1}`;
    const hits = ATTEMPT_RATES.filter(([fault, rate]) => random.chance(`${label}/${fault}`, rates[rate]));
    const faults = [...(given === undefined ? [] : [given]), ...hits.map(([fault]) => fault)];
    const requestHeaders = attemptHeaders(this.#services, delivery, faults);
    const attempt = ledger.attempt(delivery, { requestHeaders, faults });
    const answer = await this.#poster.post(delivery.uri, requestHeaders, delivery.body, deliveries.timeoutMillis);
    ledger.attemptAnswered(delivery, attempt, answer);
    const { status = 0 } = answer;
    if (status >= 200 && status < 300 && !faults.includes('lost_answer')) this.#settle(delivery, 'delivered');
  }

  #settle(delivery: DeliveryRecord, state: 'delivered' | 'given_up' | 'cancelled'): void {
    const { webhooks, settings, ledger } = this.#services;
    const isFirst = delivery.state !== 'delivered';
    delivery.state = state;
    delivery.nextAttemptTime = undefined;
    ledger.deliveryChanged(delivery);
    const webhook = webhooks.find(delivery.webhook ?? '');
    if (!isFirst || state === 'cancelled' || webhook === undefined) return;
    webhooks.settle(webhook, state === 'delivered', settings.get().deliveries.disableAfterGivenUp);
  }
}
