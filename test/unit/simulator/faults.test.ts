import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import {
  call,
  given,
  HOUR_MILLIS,
  secondsAfterStart,
  setUp,
  START_MILLIS,
  startBatch,
  verifyingKeys,
} from './harness.ts';
import type { Received } from './harness.ts';
import type { SettingsPatch } from '../../../simulator/settings.ts';
import { startSimulator } from '../../../simulator/simulator.ts';

function bodies(received: readonly Received[]): Record<string, unknown>[] {
  return received.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
}

describe('faults', () => {
  async function deliverWith(faults: SettingsPatch['faults'], count = 1) {
    const { simulator, receiver } = await setUp({ settings: { faults } });
    for (let made = 0; made < count; made += 1) {
      await simulator.emit({ type: 'batch.failed', data: { made }, webhookConfig: { uris: [receiver.url] } });
    }
    return { simulator, receiver };
  }

  test('duplicate: the same delivery arrives twice', async () => {
    const { receiver, simulator } = await deliverWith({ duplicate: 1 });
    expect(receiver.received).toHaveLength(2);
    expect(receiver.received[0]?.headers['webhook-id']).toBe(receiver.received[1]?.headers['webhook-id']);
    expect(receiver.received[0]?.body).toBe(receiver.received[1]?.body);
    expect(simulator.ledger.attempts().map(({ faults }) => faults)).toEqual([[], ['duplicate']]);
    expect(simulator.ledger.deliveries).toMatchObject([{ state: 'delivered', nextAttemptTime: undefined }]);
  });

  test('reorder: a delivery arrives after the one that follows it', async () => {
    const { receiver, simulator } = await deliverWith({ reorder: 1 });
    expect(receiver.received).toEqual([]);
    await simulator.emit({ type: 'batch.failed', data: { made: 'next' }, webhookConfig: { uris: [receiver.url] } });
    await simulator.clock.advance(1);
    expect(bodies(receiver.received).map(({ data }) => data)).toEqual([{ made: 'next' }, { made: 0 }]);
    await simulator.clock.advance(HOUR_MILLIS);
    expect(receiver.received).toHaveLength(2);
  });

  test('reorder: a delivery without a next one arrives after a minute', async () => {
    const { receiver, simulator } = await deliverWith({ reorder: 1 });
    await simulator.clock.advance(59_999);
    expect(receiver.received).toEqual([]);
    await simulator.clock.advance(1);
    expect(receiver.received).toHaveLength(1);
  });

  test('delay: a delivery arrives later', async () => {
    const { receiver, simulator } = await deliverWith({ delay: 1, delayMillis: 7_000 });
    await simulator.clock.advance(6_999);
    expect(receiver.received).toEqual([]);
    await simulator.clock.advance(1);
    expect(secondsAfterStart(receiver.received)).toEqual([7]);
  });

  test('drop: a delivery is never sent', async () => {
    const { receiver, simulator } = await deliverWith({ drop: 1 });
    await simulator.clock.advance(48 * HOUR_MILLIS);
    expect(receiver.received).toEqual([]);
    expect(simulator.ledger.deliveries).toMatchObject([{ state: 'dropped', attempts: [] }]);
  });

  test('stale: the signature is valid, the timestamp is old', async () => {
    const { receiver, simulator } = await deliverWith({ stale: 1, staleMillis: 301_000 });
    expect(secondsAfterStart(receiver.received)).toEqual([-301]);
    expect(await verifyingKeys(simulator, given(receiver.received[0]))).toHaveLength(1);
  });

  test('unsigned: there is no signature', async () => {
    const { receiver } = await deliverWith({ unsigned: 1 });
    expect(receiver.received[0]?.headers).not.toHaveProperty('webhook-signature');
    expect(receiver.received[0]?.headers).toHaveProperty('webhook-timestamp');
  });

  test('wrong signature: a dynamic one is well-formed, but no key verifies it', async () => {
    const { receiver, simulator } = await deliverWith({ wrongSignature: 1 });
    expect(receiver.received[0]?.headers['webhook-signature']).toMatch(/^v1a,[A-Za-z0-9+/]{86}==$/);
    expect(await verifyingKeys(simulator, given(receiver.received[0]))).toEqual([]);
  });

  test('wrong signature: a static one is not made with the secret', async () => {
    const { ai, simulator, receiver } = await setUp({
      settings: { deliveries: { timestamp: 'machine' }, faults: { wrongSignature: 1 } },
    });
    const created = await ai.webhooks.create({ uri: receiver.url, subscribed_events: ['batch.failed'] });
    await simulator.emit({ type: 'batch.failed', data: {} });
    const { headers, body } = given(receiver.received[0]);
    const library = new Webhook(given(created.new_signing_secret));
    expect(() => library.verify(body, headers as Record<string, string>)).toThrow('No matching signature');
  });

  test('unknown type: another event precedes it', async () => {
    const { receiver } = await deliverWith({ unknownType: 1 });
    expect(bodies(receiver.received).map(({ type }) => type)).toEqual(['batch.reticulated', 'batch.failed']);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(2);
  });

  test('lost answer: an accepted delivery is retried', async () => {
    const { receiver, simulator } = await deliverWith({ lostAnswer: 1 });
    simulator.settings.patch({ faults: { lostAnswer: 0 } });
    await simulator.clock.advance(HOUR_MILLIS);
    expect(receiver.received).toHaveLength(2);
    expect(simulator.ledger.attempts().map(({ answer }) => answer?.status)).toEqual([200, 200]);
    expect(simulator.ledger.deliveries).toMatchObject([{ state: 'delivered' }]);
  });

  test('a rate hits its share', async () => {
    const { simulator } = await deliverWith({ drop: 0.25 }, 200);
    const dropped = simulator.ledger.deliveries.filter(({ state }) => state === 'dropped').length;
    expect(dropped).toBeGreaterThan(25);
    expect(dropped).toBeLessThan(75);
  });
});

describe('a seed', () => {
  async function run(seed: string, endpoint: string, scheme: 'v1a' | 'RS256' = 'v1a') {
    const rates = { duplicate: 0.3, reorder: 0.3, delay: 0.3, drop: 0.2, unknownType: 0.3, stale: 0.3, unsigned: 0.3 };
    const settings: SettingsPatch = {
      jobs: { failureRate: 0.3 },
      deliveries: { scheme, timestamp: 'clock' },
      faults: { ...rates, wrongSignature: 0.3, lostAnswer: 0.3 },
      api: { faults: [{ method: 'batches.get', rate: 0.4, status: 503 }] },
    };
    const simulator = await startSimulator({ seed, settings, clock: { manual: true, startMillis: START_MILLIS } });
    for (let count = 0; count < 25; count += 1) {
      await simulator.clock.advance(700);
      await call(simulator, `/v1/${await startBatch(simulator, [endpoint])}`);
    }
    await simulator.clock.advance(48 * HOUR_MILLIS);
    const { jobs, events, deliveries, requests } = simulator.ledger;
    await simulator.close();
    const text = JSON.stringify({ jobs, events, deliveries, requests });
    return text.replaceAll(/"latencyMillis":\d+/g, '"latencyMillis":0');
  }

  test('repeats keys of RSA too', async () => {
    const { receiver } = await setUp();
    expect(await run('one', receiver.url, 'RS256')).toBe(await run('one', receiver.url, 'RS256'));
  });

  test('repeats a run with all its ids, times, signatures and faults', async () => {
    const { receiver } = await setUp();
    const first = await run('one', receiver.url);
    expect(await run('one', receiver.url)).toBe(first);
    expect(await run('two', receiver.url)).not.toBe(first);
    for (const fault of ['duplicate', 'dropped', 'stale', 'unsigned', 'wrong_signature', 'lost_answer', '503']) {
      expect(first).toContain(fault);
    }
  });
});
