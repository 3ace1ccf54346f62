import { z } from 'zod';
import type { Base } from '../base.ts';
import { isoTime } from '../clock.ts';
import { checkEndpoint, endpointUri } from './endpoints.ts';
import { ApiError, checked, notFound } from '../errors.ts';
import { eitherSpelling } from '../json.ts';
import { newSecret } from '../signing.ts';

type WebhookState = 'enabled' | 'disabled' | 'disabled_due_to_failed_deliveries';

/** A registered ("static") webhook. */
export interface Webhook {
  readonly id: string;
  readonly createMillis: number;
  name: string | undefined;
  uri: string;
  subscribedEvents: readonly string[];
  state: WebhookState;
  updateMillis: number;
  /** Newest first. */
  secrets: readonly Secret[];
  /** Deliveries given up since the last one that arrived. */
  givenUpInARow: number;
}

interface Secret {
  readonly value: string;
  readonly expireMillis: number | undefined;
}

const OVERLAP_MILLIS = 24 * 3_600_000;

const fields = z.strictObject({
  name: z.string().optional(),
  uri: endpointUri,
  subscribed_events: z.array(z.string()).min(1),
});
const updatable = fields.extend({ state: z.enum(['enabled', 'disabled']) }).partial();
const revocation = z.strictObject({
  revocation_behavior: z
    .string()
    .toLowerCase()
    .pipe(z.enum(['revoke_previous_secrets_after_h24', 'revoke_previous_secrets_immediately']))
    .default('revoke_previous_secrets_after_h24'),
});
const customId = z
  .string()
  .regex(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/)
  .optional();

export const endpointUris = z.array(endpointUri).default([]);
export const userMetadata = z.record(z.string(), z.unknown());
/** URIs that receive a job's events instead of the registered webhooks (docs/gemini-wire.md 3.3). */
export const webhookConfigSchema = eitherSpelling({ uris: endpointUris, userMetadata: userMetadata.optional() });
export type WebhookConfig = z.output<typeof webhookConfigSchema>;

export class Webhooks {
  readonly #services: Base;
  readonly #byId = new Map<string, Webhook>();

  constructor(services: Base) {
    this.#services = services;
  }

  create(body: unknown, wantedId: string | undefined): { webhook: Webhook; secret: string } {
    const { name, uri, subscribed_events: subscribedEvents } = checked(fields, body);
    this.#check({ uri, subscribedEvents });
    const id = checked(customId, wantedId) ?? this.#services.random.id('webhook', 36);
    if (this.#byId.has(id)) throw new ApiError('ALREADY_EXISTS', `Webhook already exists: ${id}`);
    const secret = this.#newSecret();
    const now = this.#services.clock.now();
    const secrets = [{ value: secret, expireMillis: undefined }];
    const times = { createMillis: now, updateMillis: now };
    const webhook: Webhook = { id, ...times, name, uri, subscribedEvents, state: 'enabled', secrets, givenUpInARow: 0 };
    this.#byId.set(id, webhook);
    return { webhook, secret };
  }

  get(id: string): Webhook {
    const webhook = this.#byId.get(id);
    if (webhook === undefined) throw notFound('Webhook', id);
    return webhook;
  }

  find(id: string): Webhook | undefined {
    return this.#byId.get(id);
  }

  list(): Webhook[] {
    return [...this.#byId.values()];
  }

  subscribed(eventType: string): Webhook[] {
    return this.list().filter(
      ({ state, subscribedEvents }) => state === 'enabled' && subscribedEvents.includes(eventType),
    );
  }

  /** Changes the given fields. The API ignores `update_mask` (docs/gemini-wire.md 3.2). */
  update(id: string, body: unknown): Webhook {
    const webhook = this.get(id);
    const { name, uri, subscribed_events: subscribedEvents, state } = checked(updatable, body);
    this.#check({ uri, subscribedEvents });
    webhook.name = name ?? webhook.name;
    webhook.uri = uri ?? webhook.uri;
    webhook.subscribedEvents = subscribedEvents ?? webhook.subscribedEvents;
    if (state !== undefined) Object.assign(webhook, { state, givenUpInARow: 0 });
    webhook.updateMillis = this.#services.clock.now();
    return webhook;
  }

  delete(id: string): void {
    this.get(id);
    this.#byId.delete(id);
  }

  /** Makes a new secret. The previous ones stay valid for 24 h, or expire at once. */
  rotate(id: string, body: unknown): string {
    const webhook = this.get(id);
    const { revocation_behavior: behavior } = checked(revocation, body);
    const value = this.#newSecret();
    const end = this.#services.clock.now() + OVERLAP_MILLIS;
    const kept = behavior === 'revoke_previous_secrets_immediately' ? [] : this.secrets(webhook);
    const previous = kept.map((old) => ({ value: old.value, expireMillis: old.expireMillis ?? end }));
    webhook.secrets = [{ value, expireMillis: undefined }, ...previous];
    return value;
  }

  /** The secrets that have not expired, newest first. */
  secrets(webhook: Webhook): Secret[] {
    return webhook.secrets.filter(
      ({ expireMillis }) => expireMillis === undefined || expireMillis > this.#services.clock.now(),
    );
  }

  /** Counts a delivery that arrived or was given up; too many of the latter disable the webhook. */
  settle(webhook: Webhook, arrived: boolean, disableAfter: number): void {
    webhook.givenUpInARow = arrived ? 0 : webhook.givenUpInARow + 1;
    if (webhook.givenUpInARow < disableAfter || webhook.state !== 'enabled') return;
    webhook.state = 'disabled_due_to_failed_deliveries';
    webhook.updateMillis = this.#services.clock.now();
  }

  /** The resource as the API shows it: never a whole secret. */
  resource(webhook: Webhook): object {
    return {
      id: webhook.id,
      name: webhook.name,
      uri: webhook.uri,
      subscribed_events: webhook.subscribedEvents,
      state: webhook.state,
      create_time: isoTime(webhook.createMillis),
      update_time: isoTime(webhook.updateMillis),
      signing_secrets: this.secrets(webhook).map(({ value, expireMillis }) => ({
        truncated_secret: `whsec_...${value.slice(-4)}`,
        expire_time: expireMillis === undefined ? undefined : isoTime(expireMillis),
      })),
    };
  }

  #check({ uri, subscribedEvents = [] }: { uri?: string | undefined; subscribedEvents?: string[] | undefined }): void {
    const { endpoints, eventTypes } = this.#services.settings.get().api;
    if (uri !== undefined) checkEndpoint(uri, endpoints);
    const unknown = subscribedEvents.filter((type) => !eventTypes.includes(type));
    if (unknown.length === 0) return;
    const types = `supported event types are ${eventTypes.join(', ')}`;
    throw new ApiError('INVALID_ARGUMENT', `Invalid value at 'subscribed_events': ${unknown.join(', ')}; ${types}`);
  }

  #newSecret(): string {
    const { random } = this.#services;
    return newSecret(random.bytes(random.next('secret'), 32));
  }
}
