import { z } from 'zod';
import { isoTime } from './clock.ts';
import type { Clock } from './clock.ts';
import { checkEndpoint, endpointUri } from './endpoints.ts';
import { ApiError, checked, notFound } from './errors.ts';
import { eitherSpelling } from './json.ts';
import type { Random } from './random.ts';
import type { Settings } from './settings.ts';
import { newSecret } from './signing.ts';

export type WebhookState = 'enabled' | 'disabled' | 'disabled_due_to_failed_deliveries';

/** Registered ("static") webhook as the simulator keeps it. */
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
  subscribed_events: z.array(z.string().regex(/^[a-z0-9_]+(\.[a-z0-9_]+)+$/, 'not an event type')).min(1),
});
const updatable = fields.extend({ state: z.enum(['enabled', 'disabled']) }).partial();
const maskPaths = updatable.keyof();
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
/** Where a job wants its events instead of at the registered webhooks (docs/gemini-wire.md 3.3). */
export const webhookConfigSchema = eitherSpelling({ uris: endpointUris, userMetadata: userMetadata.optional() });
export type WebhookConfig = z.output<typeof webhookConfigSchema>;

export class Webhooks {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #settings: Settings;
  readonly #byId = new Map<string, Webhook>();

  constructor(clock: Clock, random: Random, settings: Settings) {
    this.#clock = clock;
    this.#random = random;
    this.#settings = settings;
  }

  create(body: unknown, wantedId: string | undefined): { webhook: Webhook; secret: string } {
    const { name, uri, subscribed_events: subscribedEvents } = checked(fields, body);
    checkEndpoint(uri, this.#settings.get().api.endpoints);
    const label = this.#random.next('webhook');
    const id = checked(customId, wantedId) ?? this.#random.letters(label, 36);
    if (this.#byId.has(id)) throw new ApiError('ALREADY_EXISTS', `Webhook already exists: ${id}`);
    const secret = this.#newSecret();
    const now = this.#clock.now();
    const webhook: Webhook = {
      id,
      createMillis: now,
      name,
      uri,
      subscribedEvents,
      state: 'enabled',
      updateMillis: now,
      secrets: [{ value: secret, expireMillis: undefined }],
      givenUpInARow: 0,
    };
    this.#byId.set(id, webhook);
    return { webhook, secret };
  }

  get(id: string): Webhook {
    const webhook = this.#byId.get(id);
    if (webhook === undefined) throw notFound('Webhook', id);
    return webhook;
  }

  has(id: string): boolean {
    return this.#byId.has(id);
  }

  list(): Webhook[] {
    return [...this.#byId.values()];
  }

  subscribed(eventType: string): Webhook[] {
    return this.list().filter(
      ({ state, subscribedEvents }) => state === 'enabled' && subscribedEvents.includes(eventType),
    );
  }

  /** Changes the fields of the mask, or all given ones where there is none (docs/gemini-wire.md 3.2). */
  update(id: string, body: unknown, mask: string | undefined): Webhook {
    const webhook = this.get(id);
    const given = checked(updatable, body);
    if (given.uri !== undefined) checkEndpoint(given.uri, this.#settings.get().api.endpoints);
    const paths = mask === undefined ? Object.keys(given) : mask.split(',').map((path) => path.trim());
    for (const path of checked(z.array(maskPaths), paths)) change(webhook, path, given);
    webhook.updateMillis = this.#clock.now();
    return webhook;
  }

  delete(id: string): void {
    this.get(id);
    this.#byId.delete(id);
  }

  /** A new secret; the old ones stay valid for 24 h or end at once. */
  rotate(id: string, body: unknown): string {
    const webhook = this.get(id);
    const { revocation_behavior: behavior } = checked(revocation, body);
    const value = this.#newSecret();
    const end = this.#clock.now() + OVERLAP_MILLIS;
    const kept = behavior === 'revoke_previous_secrets_immediately' ? [] : this.secrets(webhook);
    const previous = kept.map((old) => ({ value: old.value, expireMillis: old.expireMillis ?? end }));
    webhook.secrets = [{ value, expireMillis: undefined }, ...previous];
    return value;
  }

  /** All that have not expired, newest first. */
  secrets(webhook: Webhook): Secret[] {
    return webhook.secrets.filter(({ expireMillis }) => expireMillis === undefined || expireMillis > this.#clock.now());
  }

  /** Counts a delivery that arrived or was given up; too many of the latter disable the webhook. */
  settle(webhook: Webhook, arrived: boolean, disableAfter: number): void {
    webhook.givenUpInARow = arrived ? 0 : webhook.givenUpInARow + 1;
    if (webhook.givenUpInARow < disableAfter || webhook.state !== 'enabled') return;
    webhook.state = 'disabled_due_to_failed_deliveries';
    webhook.updateMillis = this.#clock.now();
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

  #newSecret(): string {
    const label = this.#random.next('secret');
    return newSecret(this.#random.bytes(label, 32));
  }
}

function change(webhook: Webhook, path: z.output<typeof maskPaths>, given: z.output<typeof updatable>): void {
  switch (path) {
    case 'name':
      webhook.name = given.name;
      return;
    case 'uri':
      webhook.uri = required(given.uri, path);
      return;
    case 'subscribed_events':
      webhook.subscribedEvents = required(given.subscribed_events, path);
      return;
    case 'state':
      webhook.state = required(given.state, path);
      webhook.givenUpInARow = 0;
  }
}

function required<T>(value: T | undefined, path: string): T {
  if (value === undefined) throw new ApiError('INVALID_ARGUMENT', `update_mask names '${path}', which is not given`);
  return value;
}
