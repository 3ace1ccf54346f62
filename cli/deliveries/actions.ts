import { readSettings } from '../../functions/config/environment.ts';
import { projectSettings } from '../../functions/config/settings.ts';
import { publishClaimed } from '../../functions/messaging/publishClaimed.ts';
import { Publisher } from '../../functions/messaging/publisher.ts';
import type { QuarantineReason } from '../../functions/model/delivery.ts';
import { eventMessage } from '../../functions/model/message.ts';
import { Log } from '../../functions/observability/log.ts';
import { Deadline } from '../../functions/runtime/deadline.ts';
import { ServiceError } from '../../functions/runtime/serviceError.ts';
import type { Database } from '../../functions/store/database.ts';
import { Deliveries } from '../../functions/store/deliveries.ts';
import { CliError } from '../errors.ts';
import { backendError, PUBSUB } from '../failureReport.ts';
import { findDelivery, type ShownDelivery } from './records.ts';

const TIME_MILLIS = 20_000;

/** The only quarantine reason of deliveries that are events. */
const AGED: QuarantineReason = 'TIMESTAMP_OUT_OF_TOLERANCE';

/** Actions on recorded deliveries, with one connection for many. */
export class DeliveryActions {
  readonly #firestore: Database;
  readonly #variables: NodeJS.ProcessEnv;
  readonly #deliveries: Deliveries;
  readonly #publisher: Publisher<'events' | 'deadLetter'>;

  /** @throws {ConfigError} */
  constructor(firestore: Database, variables: NodeJS.ProcessEnv) {
    const settings = readSettings(variables, (environment) => ({
      ...projectSettings(environment),
      ttlDays: environment.read('DELIVERY_TTL_DAYS'),
    }));
    this.#firestore = firestore;
    this.#variables = variables;
    this.#deliveries = new Deliveries(firestore, { ttlDays: settings.ttlDays, receives: false });
    this.#publisher = new Publisher(settings);
  }

  /**
   * Publishes a recorded event again. Its `ce-id` stays, so that subscribers that know it drop it; subscriptions can
   * filter on its attribute `replay`.
   *
   * @throws {CliError}
   */
  async replay(webhookId: string): Promise<{ messageId: string; replay: string }> {
    requireReplayable(await findDelivery(this.#firestore, webhookId));
    const { delivery, repeatOf, userMetadata } = await this.#deliveries.recall(webhookId, soon());
    const { event } = delivery;
    if (event === undefined) throw notAnEvent(webhookId);
    const at = new Date().toISOString();
    const message = eventMessage({ ...delivery, event }, { repeatOf, userMetadata, replay: at });
    const publishing = this.#publisher.publish('events', message, soon());
    return { messageId: await publishing.catch(this.#pubsubError), replay: at };
  }

  /**
   * Records a delivery that was quarantined because of its timestamp, changes its job, and publishes it.
   *
   * @throws {CliError}
   */
  async release(webhookId: string): Promise<ShownDelivery> {
    requireReleasable(await findDelivery(this.#firestore, webhookId));
    const { delivery } = await this.#deliveries.recall(webhookId, soon());
    const claimed = await this.#deliveries.claim({ ...delivery, receivedAt: new Date() }, soon());
    if (claimed.status !== 'claimed')
      throw new CliError(
        'NOT_RELEASED',
        `${webhookId} is ${claimed.status.replace('_', ' ')}: another process handled it first.`,
      );
    const log = new Log(undefined, () => {});
    const tools = { deliveries: this.#deliveries, publisher: this.#publisher, log };
    await publishClaimed(delivery, claimed, tools, soon()).catch(this.#pubsubError);
    return await findDelivery(this.#firestore, webhookId);
  }

  readonly #pubsubError = (error: unknown): never => {
    if (error instanceof ServiceError && error.reason === 'STORE_UNAVAILABLE') throw error;
    throw backendError(PUBSUB, error, this.#variables);
  };
}

/** @throws {CliError} for a quarantined delivery: it changed no job and was never published, so release is for it. */
export function requireReplayable({ webhookId, state, quarantineReason: reason }: ShownDelivery): void {
  if (state !== 'quarantined') return;
  if (reason !== AGED) throw notAnEvent(webhookId);
  const advice = `Look at it and release it: gemini-callbacks deliveries release ${webhookId}`;
  throw new CliError('QUARANTINED', `${webhookId} is quarantined as ${reason} and was never published. ${advice}`);
}

function notAnEvent(webhookId: string): CliError {
  const message = `${webhookId} is not an event, so no subscriber could read it. Look at it: gemini-callbacks deliveries show ${webhookId}`;
  return new CliError('NOT_AN_EVENT', message);
}

/** @throws {CliError} where a delivery is not quarantined, or not because of its timestamp. */
export function requireReleasable({ webhookId, state, quarantineReason: reason }: ShownDelivery): void {
  if (state !== 'quarantined')
    throw new CliError(
      'NOT_QUARANTINED',
      `${webhookId} is ${state}. Publish it again: gemini-callbacks deliveries replay ${webhookId}`,
    );
  if (reason !== AGED)
    throw new CliError(
      'NOT_AN_EVENT',
      `${webhookId} is quarantined as ${reason}: it is not an event and cannot be released. It is on the dead-letter topic.`,
    );
}

export function whyQuarantined(delivery: ShownDelivery): string {
  const { webhookId, firstReceivedAt = '', type, jobId, scheme, attempts } = delivery;
  const hours = ((Date.now() - Date.parse(firstReceivedAt)) / 3_600_000).toFixed(1);
  return [
    `${webhookId} has a valid signature (${scheme}), but its timestamp was out of tolerance when it arrived. Possible causes:`,
    `a late retry with its old timestamp, clocks that differ, or a replayed old delivery.`,
    `Event type: ${type ?? 'none'}${jobId === undefined ? '' : `, job: ${jobId}`}. First received ${hours} h ago; deliveries: ${attempts}.`,
  ].join('\n');
}

function soon(): Deadline {
  return Deadline.inMillis(TIME_MILLIS);
}
