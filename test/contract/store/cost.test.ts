import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { publishClaimed } from '../../../functions/messaging/publishClaimed.ts';
import { Publisher } from '../../../functions/messaging/publisher.ts';
import type { Delivery } from '../../../functions/model/delivery.ts';
import { reconciledDelivery } from '../../../functions/model/reconciledDelivery.ts';
import { Deadline } from '../../../functions/runtime/deadline.ts';
import { Log } from '../../../functions/observability/log.ts';
import { Deliveries } from '../../../functions/store/deliveries.ts';
import { Database } from '../../../functions/store/database.ts';
import { LocalProject } from '../../../local/project.ts';
import { billedDuring } from '../../support/billed.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../../docs/scale.md'), 'utf8');

test('an event costs what docs/scale.md says, and so does a copy of it', async () => {
  const project = await LocalProject.create();
  const { projectId } = project;
  const firestore = new Database({ projectId, database: '(default)' });
  const deliveries = new Deliveries(firestore, { ttlDays: 30 });
  const topics = { events: 'gemini-events', deadLetter: 'gemini-dead-letter' };
  const dependencies = {
    deliveries,
    publisher: new Publisher({ projectId, pubsubEmulator: process.env['PUBSUB_EMULATOR_HOST'], topics }),
    log: new Log(undefined, () => {}),
  };
  const status = { name: 'succeeded', data: {} };
  const deliveryOf = (name: string, scheme: Delivery['scheme']): Delivery => {
    const job = { name: `batches/${name}`, kind: 'batch' } as const;
    return { ...reconciledDelivery(job, 'batch.succeeded', status, new Date()), scheme };
  };
  const soon = () => Deadline.inMillis(5_000);

  const costOf = async (delivery: Delivery) => {
    const { reads, writes } = await billedDuring(async () => {
      const claimed = await deliveries.claim(delivery, soon());
      if (claimed.status === 'claimed') await publishClaimed(delivery, claimed, dependencies, soon());
    });
    return { reads, writes, messages: (await project.messages('gemini-events')).length };
  };
  const readFirst = { reads: 2, writes: 3, messages: 1 };
  expect(await costOf(deliveryOf('first-of-the-instance', 'v1'))).toEqual(readFirst);
  const event = await costOf(deliveryOf('cost', 'v1'));
  const copy = await costOf(deliveryOf('cost', 'v1'));
  expect(await costOf(deliveryOf('started-by-submitJob', 'v1a'))).toEqual(readFirst);
  await Promise.all([firestore.terminate(), project.close()]);

  const of100k = (count: number) => (count * 100_000).toLocaleString('en');
  expect(PAGE).toContain(
    `100,000 events cost ${of100k(event.reads)} reads, ${of100k(event.writes)} writes and ${of100k(event.messages)} messages`,
  );
  expect(PAGE).toContain(`each copy ${copy.reads} reads and ${copy.writes} write`);
});
