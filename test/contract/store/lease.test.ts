import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Delivery } from '../../../functions/model/delivery.ts';
import { NOTHING_YET } from '../../../functions/model/progress.ts';
import { Deliveries } from '../../../functions/store/deliveries.ts';
import { ReconcilableJobs } from '../../../functions/store/reconcilableJobs.ts';
import { JobResults } from '../../../functions/store/results.ts';
import { Submissions } from '../../../functions/store/submissions.ts';
import { newDelivery, soon, storeForFile } from './support.ts';

/** More than any lease lasts. */
const APART_MILLIS = 250_000;

const { project, firestore } = await storeForFile();

afterEach(() => {
  vi.useRealTimers();
});

/** Sets the clock of the instance; Firestore's stays. */
function clock(aheadMillis: number): void {
  vi.useRealTimers();
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + aheadMillis });
}

const deliveryOf = (webhookId: string): Delivery => ({ ...newDelivery({}, webhookId), receivedAt: new Date() });

const job = (name: string) => ({ name: `batches/${name}`, kind: 'batch' as const });

/** One lease of each kind: how it is acquired, and the outcome for a second owner meanwhile. */
const KINDS: readonly [name: string, acquire: (id: string) => Promise<unknown>, busy: unknown][] = [
  [
    'a delivery',
    async (id) => await new Deliveries(firestore, { ttlDays: 30 }).claim(deliveryOf(id), soon()),
    { status: 'in_progress' },
  ],
  [
    'results',
    async (id) => await new JobResults(firestore).claim(job(id), 'batch.succeeded', soon()),
    { status: 'in_progress' },
  ],
  [
    'a submission',
    async (id) => await new Submissions(firestore).claim({ recordId: `sub_${id}`, fingerprint: 'f' }, soon()),
    { status: 'busy' },
  ],
];

describe.each([
  ['ahead', APART_MILLIS],
  ['behind', -APART_MILLIS],
])('an instance whose clock is 250 s %s', (direction, aheadMillis) => {
  test.each(KINDS)('does not acquire %s that another has leased', async (name, acquire, busy) => {
    const id = `${direction}_${name.replace(/\W/g, '_')}`;
    await acquire(id);
    clock(aheadMillis);
    expect(await acquire(id)).toMatchObject(busy as object);
  });

  test.each(KINDS)('leases %s for no longer and no shorter than others do', async (name, acquire, busy) => {
    const id = `by_${direction}_${name.replace(/\W/g, '_')}`;
    clock(aheadMillis);
    await acquire(id);
    vi.useRealTimers();
    expect(await acquire(id)).toMatchObject(busy as object);
    const path = { 'a delivery': `deliveries/${id}`, results: `jobs/batches~${id}` }[name] ?? `submissions/sub_${id}`;
    const record = (await project.document(path)) ?? {};
    const { leaseUntil } = (record['results'] ?? record) as Record<string, { toMillis(): number }>;
    expect(leaseUntil?.toMillis()).toBeLessThan(Date.now() + 60_000);
  });

  test('dates a delivery as others do', async () => {
    const id = `msg_dated_${direction}`;
    const deliveries = new Deliveries(firestore, { ttlDays: 30 });
    clock(aheadMillis);
    const claimed = await deliveries.claim(deliveryOf(id), soon());
    if (claimed.status !== 'claimed') throw new Error('The delivery was not claimed.');
    await deliveries.settle(claimed.claim, { state: 'published', messageId: 'm' }, soon());
    vi.useRealTimers();
    const record = (await project.document(`deliveries/${id}`)) ?? {};
    for (const name of ['firstReceivedAt', 'lastReceivedAt', 'publishedAt']) {
      const millis = (record[name] as { toMillis(): number }).toMillis();
      expect([name, Math.abs(millis - Date.now()) < 60_000]).toEqual([name, true]);
    }
  });

  test('does not take over a delivery or a job that a reconciler works on', async () => {
    const id = `msg_reconciled_${direction}`;
    await new Deliveries(firestore, { ttlDays: 30 }).claim(deliveryOf(id), soon());
    const registered = { jobId: `batches/open_${direction}`, kind: 'batch', state: 'running', updatedAt: new Date(0) };
    await project.firestore.doc(`jobs/batches~open_${direction}`).set(registered);
    const range = { before: new Date(Date.now() + 2 * APART_MILLIS), after: undefined, limit: 10 };
    const find = async () => {
      const jobs = new ReconcilableJobs(firestore);
      const found = await jobs.page('silentJobs', range, soon());
      return { jobs, found: found.find(({ name }) => name === registered.jobId) };
    };
    const first = await find();
    expect(first.found && (await first.jobs.claim(first.found, soon()))).toBeDefined();
    clock(aheadMillis);
    expect(await new Deliveries(firestore, { ttlDays: 30 }).takeOver(id, soon())).toBeUndefined();
    const second = await find();
    expect(second.found?.isLeased).toBe(true);
    expect(second.found && (await second.jobs.claim(second.found, soon()))).toBeUndefined();
  });
});

test('a released lease can be acquired at once, and its former owner changes nothing', async () => {
  const results = new JobResults(firestore);
  const first = await results.claim(job('released'), 'batch.succeeded', soon());
  if (first.status !== 'claimed') throw new Error('The results were not claimed.');
  expect(await results.release(first.claim, NOTHING_YET, undefined, soon())).toBe(true);
  const second = await results.claim(job('released'), 'batch.succeeded', soon());
  expect(second.status).toBe('claimed');
  const before = await project.document('jobs/batches~released');
  expect(await results.advance(first.claim, { ...NOTHING_YET, published: 9 }, soon())).toBe(false);
  expect(await project.document('jobs/batches~released')).toEqual(before);
});

describe('a claim without a read', () => {
  /** One that has had an answer of Firestore, so that it can estimate Firestore's time. */
  async function readyDeliveries(id: string): Promise<Deliveries> {
    const deliveries = new Deliveries(firestore, { ttlDays: 30 });
    await deliveries.claim(deliveryOf(`ready_${id}`), soon());
    return deliveries;
  }

  const leaseMillis = async (id: string) => {
    const { leaseUntil } = (await project.document(`deliveries/${id}`)) ?? {};
    return (leaseUntil as { toMillis(): number }).toMillis() - Date.now();
  };

  test.each([
    ['a right one', 0],
    ['one that is far behind, as after the instance was suspended', 60_000],
  ])('has a lease as long as any other, by an estimate of the time: %s', async (name, behindMillis) => {
    const id = `unread_${behindMillis}`;
    const deliveries = await readyDeliveries(id);
    const real = performance.now.bind(performance);
    const estimate = vi.spyOn(performance, 'now').mockImplementation(() => real() - behindMillis);
    const claimed = await deliveries.claim(deliveryOf(id), soon());
    estimate.mockRestore();
    expect(await leaseMillis(id)).toBeGreaterThan(5_000);
    expect(await leaseMillis(id)).toBeLessThan(11_000);
    if (claimed.status !== 'claimed') throw new Error(`Not claimed, but ${claimed.status}: ${name}.`);
    const settlement = { state: 'published', messageId: 'm' } as const;
    expect(await deliveries.settle(claimed.claim, settlement, soon())).toBe(true);
  });

  test('reads where another instance has recorded the delivery or its job', async () => {
    const [one, other] = [await readyDeliveries('one'), await readyDeliveries('other')];
    await one.claim(deliveryOf('unread_twice'), soon());
    expect(await other.claim(deliveryOf('unread_twice'), soon())).toMatchObject({ status: 'in_progress' });
    await one.claim(deliveryOf('unread_job'), soon());
    const second = { ...deliveryOf('unread_job'), webhookId: 'unread_second' };
    expect(await other.claim(second, soon())).toMatchObject({ status: 'claimed', repeatOf: 'unread_job' });
  });
});
