import { createInterface } from 'node:readline/promises';
import type { Firestore } from '@google-cloud/firestore';
import { publishClaimed } from '../../functions/messaging/publishClaimed.ts';
import { Publisher } from '../../functions/messaging/publisher.ts';
import type { QuarantineReason } from '../../functions/model/delivery.ts';
import { eventMessage } from '../../functions/model/message.ts';
import { Environment } from '../../functions/config/environment.ts';
import { Deadline } from '../../functions/runtime/deadline.ts';
import { Log } from '../../functions/observability/log.ts';
import { projectSettings } from '../../functions/config/settings.ts';
import { Deliveries } from '../../functions/store/deliveries.ts';
import { CliError, usageError } from '../errors.ts';
import type { Terminal } from '../terminal.ts';
import { findDelivery, type ShownDelivery } from './records.ts';

const TIME_MILLIS = 20_000;
const DEFAULT_TTL_DAYS = 30;

/** The one reason for which a delivery is held that may be an event all the same. */
const AGED: QuarantineReason = 'TIMESTAMP_OUT_OF_TOLERANCE';

/**
 * Publishes a recorded event again. It has the same `ce-id`, so that whoever has seen it drops it, and an attribute
 * `replay`, by which a subscription can ask for it.
 *
 * @throws {CliError}
 */
export async function replay(
  firestore: Firestore,
  webhookId: string,
  variables: NodeJS.ProcessEnv,
): Promise<{ messageId: string; replay: string }> {
  requireNotHeld(await findDelivery(firestore, webhookId));
  const { delivery, repeatOf, userMetadata } = await deliveriesOf(firestore, variables).recall(webhookId, soon());
  const { event } = delivery;
  if (event === undefined) throw notAnEvent(webhookId);
  const at = new Date().toISOString();
  const message = eventMessage({ ...delivery, event }, { repeatOf, userMetadata, replay: at });
  const messageId = await publisherOf(variables).publish('events', message, soon());
  return { messageId, replay: at };
}

/** What was held has changed no job and was never published: to publish it is to release it. */
function requireNotHeld({ webhookId, state, quarantineReason: reason }: ShownDelivery): void {
  if (state !== 'quarantined') return;
  if (reason !== AGED) throw notAnEvent(webhookId);
  const advice = '"deliveries release" says why, and lets it go.';
  throw new CliError('QUARANTINED', `${webhookId} is held as ${reason}, and was never published. ${advice}`);
}

function notAnEvent(webhookId: string): CliError {
  const message = `${webhookId} is no event, so no subscriber can read it; "deliveries show" shows it.`;
  return new CliError('NOT_AN_EVENT', message);
}

/**
 * Lets a delivery go that was kept because of its age: it is recorded, changes its job and is published like any other.
 *
 * @throws {CliError}
 */
export async function release(
  firestore: Firestore,
  webhookId: string,
  { yes }: { readonly yes: boolean },
  terminal: Terminal,
  variables: NodeJS.ProcessEnv,
): Promise<ShownDelivery> {
  const held = await findDelivery(firestore, webhookId);
  requireReleasable(held);
  terminal.note(whyHeld(held));
  if (!(yes || (!terminal.json && (await confirmed('Release it? Then it counts as genuine news. [y/N] ')))))
    throw usageError('Nothing was released. Add --yes to release it without being asked.');
  const deliveries = deliveriesOf(firestore, variables);
  const { delivery } = await deliveries.recall(webhookId, soon());
  const claimed = await deliveries.claim({ ...delivery, receivedAt: new Date() }, soon());
  if (claimed.status !== 'claimed')
    throw new CliError(
      'NOT_RELEASED',
      `${webhookId} is ${claimed.status.replace('_', ' ')}: somebody else was quicker.`,
    );
  await publishClaimed(delivery, claimed, { deliveries, ...tools(variables) }, soon());
  return await findDelivery(firestore, webhookId);
}

function requireReleasable({ webhookId, state, quarantineReason: reason }: ShownDelivery): void {
  if (state !== 'quarantined')
    throw new CliError('NOT_QUARANTINED', `${webhookId} is ${state}. "deliveries replay" publishes it again.`);
  if (reason !== AGED)
    throw new CliError(
      'NOT_AN_EVENT',
      `${webhookId} was kept as ${reason}: it can never be an event. It is on the dead-letter topic.`,
    );
}

function whyHeld({ webhookId, firstReceivedAt = '', type, jobId, scheme, attempts }: ShownDelivery): string {
  const hours = ((Date.now() - Date.parse(firstReceivedAt)) / 3_600_000).toFixed(1);
  return [
    `${webhookId} is signed (${scheme}), but its timestamp was out of tolerance when it came: a retry that was signed too`,
    `long ago, clocks that are apart, or a replay by somebody who has an old delivery.`,
    `It says ${type ?? 'nothing that is an event'}${jobId === undefined ? '' : ` of ${jobId}`}, came ${hours} h ago, and was seen ${attempts} times.`,
  ].join('\n');
}

async function confirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(question)).trim());
  } finally {
    terminal.close();
  }
}

function deliveriesOf(firestore: Firestore, variables: NodeJS.ProcessEnv): Deliveries {
  const limits = { min: 2, max: 3_650, unit: 'days' };
  const environment = new Environment(variables);
  const ttlDays = environment.integer('DELIVERY_TTL_DAYS', DEFAULT_TTL_DAYS, limits);
  environment.requireValid();
  return new Deliveries(firestore, { ttlDays, receives: false });
}

function publisherOf(variables: NodeJS.ProcessEnv): Publisher<'events' | 'deadLetter'> {
  const environment = new Environment(variables);
  const settings = projectSettings(environment);
  environment.requireValid();
  return new Publisher(settings);
}

function tools(variables: NodeJS.ProcessEnv) {
  return { publisher: publisherOf(variables), log: new Log(undefined, () => {}), now: () => new Date() };
}

function soon(): Deadline {
  return Deadline.inMillis(TIME_MILLIS);
}
