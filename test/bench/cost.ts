import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { publishClaimed } from '../../functions/messaging/publishClaimed.ts';
import { Publisher } from '../../functions/messaging/publisher.ts';
import type { Delivery } from '../../functions/model/delivery.ts';
import { reconciledDelivery } from '../../functions/model/reconciledDelivery.ts';
import { Log } from '../../functions/observability/log.ts';
import { Deadline } from '../../functions/runtime/deadline.ts';
import { Deliveries } from '../../functions/store/deliveries.ts';
import { Database } from '../../functions/store/database.ts';
import { LocalProject } from '../../local/project.ts';
import { billedDuring } from '../support/billed.ts';
import { median, type Section } from './measure.ts';

const SCALE = join(import.meta.dirname, '../../docs/scale.md');
const CALLBACKS = 100_000;

const TITLE = 'Billed and called for a callback';
const [READS, WRITES, BYTES] = [
  'Firestore: documents read',
  'Firestore: documents written',
  'Pub/Sub: bytes published',
];

/** Counts what Google bills for a first event of a static webhook. */
export async function countCallback(): Promise<Section> {
  const project = await LocalProject.create();
  const { projectId } = project;
  const firestore = new Database({ projectId, database: '(default)' });
  const topics = { events: 'gemini-events', deadLetter: 'gemini-dead-letter' };
  const dependencies = {
    deliveries: new Deliveries(firestore, { ttlDays: 30 }),
    publisher: new Publisher({ projectId, pubsubEmulator: process.env['PUBSUB_EMULATOR_HOST'], topics }),
    log: new Log(undefined, () => {}),
  };
  const handle = async (name: string) => {
    const delivery = deliveryOf(name);
    const claimed = await dependencies.deliveries.claim(delivery, Deadline.inMillis(8_000));
    if (claimed.status !== 'claimed') throw new Error('The delivery was not claimed.');
    await publishClaimed(delivery, claimed, dependencies, Deadline.inMillis(8_000));
  };
  await handle('first-of-the-instance');
  const { reads, writes, publishedBytes, methods } = await billedDuring(async () => await handle('next'));
  await Promise.all([firestore.terminate(), project.close()]);
  const figures = [
    { name: READS, unit: '', product: [reads] },
    { name: WRITES, unit: '', product: [writes] },
    { name: BYTES, unit: 'B', product: [publishedBytes] },
    { name: `round trips (${methods.join(', ')})`, unit: '', product: [methods.length], reference: [3] },
  ];
  return { title: TITLE, beside: 'the minimum', figures };
}

function deliveryOf(name: string): Delivery {
  const job = { name: `batches/${name}`, kind: 'batch' } as const;
  const status = { name: 'succeeded', data: {} };
  return { ...reconciledDelivery(job, 'batch.succeeded', status, new Date()), scheme: 'v1' };
}

/** Returns the table of what a user pays for 100,000 callbacks; an empty text where a section is missing. */
export function costOf(sections: readonly Section[]): string {
  const valueOf = (title: string, name: string) => {
    const figure = sections.find((section) => section.title === title)?.figures.find((each) => each.name === name);
    return figure && median(figure.product);
  };
  const idleMillis = valueOf('geminiCallback', 'latency, one at a time, p50');
  const busyMillis = valueOf('geminiCallback', 'processor time per delivery of them');
  const [reads, writes, bytes] = [READS, WRITES, BYTES].map((name) => valueOf(TITLE, name));
  if (!idleMillis || !busyMillis || reads === undefined || !writes || !bytes) return '';
  const calls = [
    rowOf('Firestore: documents read', reads, priceOf('events: reads')),
    rowOf('Firestore: documents written', writes, priceOf('events: writes')),
    rowOf('Pub/Sub: kB published', bytes / 1_000, priceOf('kB published')),
    rowOf('Pub/Sub: kB delivered to one subscription', bytes / 1_000, priceOf('kB published')),
    rowOf('Cloud Run: requests', 1, priceOf('requests')),
  ];
  const ofMillis = priceOf('seconds of geminiCallback, one at a time') / 1_000;
  const idle = rowOf('Cloud Run: ms of an instance, one callback at a time', idleMillis, ofMillis);
  const busy = rowOf('or ms of an instance, 80 at once', busyMillis, ofMillis);
  const sums = [idle, busy].map((instance) => [...calls, instance].reduce((sum, { dollars }) => sum + dollars, 0));
  const cells = [...calls, idle, busy].map(({ name, count, price, dollars }) => [
    name,
    count,
    price,
    dollars.toFixed(4),
  ]);
  cells.push(['sum, one at a time, or 80 at once', '', '', sums.map((sum) => sum.toFixed(2)).join(' or ')]);
  return `${INTRODUCTION}${cells.map((row) => `| ${row.join(' | ')} |`).join('\n')}\n`;
}

const INTRODUCTION = `\n## What 100,000 callbacks cost

Each is the first event of its job. Documents and bytes are counted; a message is billed as at least 1,000 bytes. An instance that handles one callback at a
time is billed for its latency; one that handles 80 is busy all the time, and billed for the processor time. The latency is that of the emulators:
[Scale](scale.md#cost-of-100000-events) assumes 150 ms on Google Cloud, has the prices of this table, and adds the results. Price lists:
[Firestore](https://cloud.google.com/firestore/pricing), [Pub/Sub](https://cloud.google.com/pubsub/pricing), [Cloud Run](https://cloud.google.com/run/pricing).

| | count | price of 100,000 | dollars |
| --- | --- | --- | --- |
`;

/** @param one the count for one callback. */
function rowOf(name: string, one: number, price: number) {
  const count = one * CALLBACKS;
  return {
    name,
    count: count.toLocaleString('en', { maximumFractionDigits: 0 }),
    price,
    dollars: (count / 100_000) * price,
  };
}

/** Reads the price of 100,000 in docs/scale.md, the one place of prices. */
function priceOf(item: string): number {
  const row = readFileSync(SCALE, 'utf8')
    .split('\n')
    .find((line) => line.startsWith(`| ${item} `));
  const price = Number(row?.split('|')[3]);
  if (!(price > 0)) throw new Error(`docs/scale.md has no price of "${item}".`);
  return price;
}
