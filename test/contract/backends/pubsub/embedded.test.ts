import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Message } from '@google-cloud/pubsub';
import { expect, onTestFinished, test } from 'vitest';
import { startPubsub, Store } from '../../../../local/backends/pubsub/index.ts';
import { startTied } from '../../../../local/process.ts';
import { statusOf } from '../support.ts';
import { Clients, subscribe } from './support.ts';

/** A server that a test can end and start again where it was. */
async function startRestartable() {
  const store = new Store();
  let server = await startPubsub({ store });
  onTestFinished(() => server.stop());
  const restart = async () => {
    await server.stop();
    server = await startPubsub({ port: server.port, store });
  };
  return { host: server.host, restart };
}

test('a restart loses nothing: topics, subscriptions, and what is not acknowledged, leased or not', async () => {
  const server = await startRestartable();
  const clients = await subscribe(server.host, { enableMessageOrdering: true, filter: 'attributes:a' });
  const messages = ['1', '2', '3', '4'].map((text) => ({ text, attributes: { a: '' }, orderingKey: text }));
  await clients.publish(...messages);
  const leased = await clients.pull('sub', 3);
  await clients.acknowledge(leased.slice(0, 1));

  await server.restart();
  // A former server's ids acknowledge nothing.
  await clients.acknowledge(leased.slice(1));
  await clients.publish({ text: '5', attributes: { a: '' } }, { text: 'filtered' });
  const pulled = await clients.pullSome(4);
  expect(pulled.map(({ text }) => text).toSorted()).toEqual(['2', '3', '4', '5']);
  const [metadata] = await clients.pubsub.subscription('sub').getMetadata();
  expect(metadata).toMatchObject({ enableMessageOrdering: true, filter: 'attributes:a' });
});

test('what is published during restarts is delivered', async () => {
  const server = await startRestartable();
  const clients = await subscribe(server.host);
  const accepted: string[] = [];
  const over = new AbortController();
  const publishing = (async () => {
    for (let n = 0; !over.signal.aborted; n += 1) {
      if ((await statusOf(clients.publish({ text: String(n) }))) === 'OK') accepted.push(String(n));
    }
  })();
  for (let restarts = 0; restarts < 3; restarts += 1) {
    await sleep(50);
    await server.restart();
  }
  over.abort();
  await publishing;
  // A publish that is repeated because its answer was lost arrives twice.
  const delivered = new Set((await clients.pull('sub', 1_000)).map(({ text }) => text));
  expect(accepted.filter((text) => !delivered.has(text))).toEqual([]);
  expect(accepted.length).toBeGreaterThan(0);
});

test('a restart keeps the count of delivery attempts', async () => {
  const server = await startRestartable();
  const clients = new Clients(server.host);
  await clients.create({ deadLetterPolicy: { deadLetterTopic: clients.topic(), maxDeliveryAttempts: 5 } });
  await clients.publish({ text: 'a' });
  await clients.modifyDeadline(await clients.pullSome(1), 0);
  await clients.pullSome(1);
  await server.restart();
  expect(await clients.pullSome(1)).toMatchObject([{ deliveryAttempt: 2 }]);
});

test('a subscriber continues after a restart', async () => {
  const server = await startRestartable();
  const clients = await subscribe(server.host);
  const received: string[] = [];
  const subscription = clients.pubsub.subscription('sub');
  subscription.on('error', (error) => expect.unreachable(String(error)));
  subscription.on('message', (message: Message) => {
    received.push(message.data.toString());
    message.ack();
  });
  await clients.publish({ text: 'before' });
  await expect.poll(() => received).toEqual(['before']);
  await server.restart();
  await clients.publish({ text: 'after' });
  // The first one's acknowledgement can be lost.
  await expect.poll(() => new Set(received)).toEqual(new Set(['before', 'after']));
  await subscription.close();
});

test('a message that is published again has another id after a restart', async () => {
  const server = await startRestartable();
  const clients = await subscribe(server.host);
  const before = await clients.publish({ text: 'a' });
  await server.restart();
  expect(await clients.publish({ text: 'a' })).not.toEqual(before);
});

test('what it does not implement is UNIMPLEMENTED, and named', async () => {
  const server = await startRestartable();
  const clients = await subscribe(server.host);
  const seek = clients.subscriber.seek({ subscription: clients.subscription(), time: { seconds: 1 } });
  await expect(seek).rejects.toThrow(/UNIMPLEMENTED.*\/google\.pubsub\.v1\.Subscriber\/Seek.*LOCAL_BACKENDS=official/);
  const exactlyOnce = clients.pubsub.createSubscription('topic', 'once', { enableExactlyOnceDelivery: true });
  await expect(exactlyOnce).rejects.toThrow(/UNIMPLEMENTED.*enableExactlyOnceDelivery/);
});

test('a request over 10 MB is refused, which the official emulator never answers', async () => {
  const server = await startRestartable();
  const clients = await subscribe(server.host);
  const text = 'x'.repeat(5_100_000);
  expect(await statusOf(clients.publish({ text }, { text }))).toBe('INVALID_ARGUMENT');
  expect(await clients.pull()).toEqual([]);
});

test('a process ends after stop(), in spite of leases, waiting pulls and pushes under way', async () => {
  const script = `
    import { startPubsub } from './local/backends/pubsub/index.ts';
    const server = await startPubsub();
    process.once('SIGTERM', () => void server.stop());
    console.log(server.host);`;
  const running = await startTied(process.execPath, ['--input-type=module', '--eval', script]);
  onTestFinished(async () => void (await running.end('SIGKILL')));
  const [host] = (await once(running.stdout, 'data')) as [Buffer];
  const clients = new Clients(host.toString().trim());
  await clients.create({ retryPolicy: {} });
  await clients.pubsub.createSubscription('topic', 'push', { pushEndpoint: 'http://127.0.0.1:1' });
  await clients.publish({ text: 'leased' }, { text: 'refused' });
  const [, refused] = await clients.pullSome(2);
  if (refused) await clients.modifyDeadline([refused], 0);
  const waiting = clients.subscriber.pull({ subscription: clients.subscription(), maxMessages: 1 }, { timeout: 500 });
  waiting.catch(() => {});
  expect(await Promise.race([running.end('SIGTERM'), sleep(3_000, 'still running')])).toBe(0);
});
