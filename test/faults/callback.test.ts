import { once } from 'node:events';
import { Agent, get, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { Publisher } from '../../functions/messaging/publisher.ts';
import { Deadline } from '../../functions/runtime/deadline.ts';
import type { RunningFunction } from '../../local/functions.ts';
import { eventually } from '../../local/process.ts';
import { type Answer, type Callback, ProxiedProject } from '../support/proxiedProject.ts';

// Most of these wait for a clock; each has its own process.
vi.setConfig({ maxConcurrency: 4, testTimeout: 45_000 });

/** The function promises an answer in 8 s; this is what a sender may see of it. */
const ANSWERED_MILLIS = 8_500;
/** From the return of a backend to the first success: what is called "within seconds". */
const RECOVERED_MILLIS = 5_000;
/** A ping after 10 s of silence, and 3 s for its answer. */
const NOTICED_MILLIS = 13_000;
/** The longest lease of a killed owner, or of a write whose response was lost. */
const LEASE_MILLIS = 10_000;

/** Texts in the requests that the function sends, by which a proxy knows the step. */
const CLAIM = 'bodySha256';
const SETTLE = 'messageId';
const TAKE_OVER = 'leaseOwner';

const PING = {
  data: Buffer.from('{"type":"webhook.ping"}'),
  attributes: {
    'ce-specversion': '1.0',
    'ce-id': 'any',
    'ce-type': 'webhook.ping',
    'ce-source': '//generativelanguage.googleapis.com/',
    'ce-time': '2026-05-28T20:26:40Z',
    'content-type': 'application/json',
    webhook_id: 'any',
    event_type: 'webhook.ping',
  },
};

const TOPICS = { events: 'gemini-events', deadLetter: 'gemini-dead-letter' };

let callbacks = 0;

function newCallback(): Callback {
  const id = `msg_fault_${++callbacks}`;
  const timestamp = new Date().toISOString();
  return { id, body: JSON.stringify({ type: 'batch.succeeded', timestamp, data: { id: `batches/${id}` } }) };
}

/** The sender's retries, four a second, until one is accepted. */
async function acceptedAt(world: ProxiedProject, instance: RunningFunction, callback: Callback): Promise<Answer> {
  const startedAt = performance.now();
  const accepted = await eventually(`${callback.id} is accepted`, 20_000, async () => {
    const answer = await world.send(instance, callback);
    if (answer.status === 200) return answer;
    await sleep(250);
    return undefined;
  });
  return { ...accepted, millis: Math.round(performance.now() - startedAt) };
}

function expectUnavailable(answer: Answer, reason: string): void {
  expect(answer).toMatchObject({ status: 503, outcome: reason });
  expect(answer.retryAfterSeconds).toBeGreaterThan(0);
  expect(answer.millis).toBeLessThan(ANSWERED_MILLIS);
}

describe.concurrent('kill -9', () => {
  test('between record and publish: one message, once the lease is over', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const first = await world.start();
    world.pubsub.stall();
    const cut = world.send(first, callback);
    const { leaseUntil } = await world.recorded(callback, 'pending');
    await first.end('SIGKILL');
    expect(await cut).toMatchObject({ status: 0 });
    await world.pubsub.forward();

    const second = await world.start();
    const early = await world.send(second, callback);
    expectUnavailable(early, 'DELIVERY_IN_PROGRESS');
    expect(early.retryAfterSeconds).toBeLessThanOrEqual(10);
    expect(await world.published()).toEqual([]);

    await sleep(early.retryAfterSeconds * 1_000);
    expect(Date.now()).toBeGreaterThanOrEqual(leaseUntil.toMillis());
    expect(await world.send(second, callback)).toMatchObject({ status: 200, outcome: 'published' });
    expect(await world.published()).toEqual([callback.id]);
    expect(await world.delivery(callback)).toMatchObject({ state: 'published', attempts: 3 });
  });

  test('between publish and mark: a second message with the same webhook_id, and the mark', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const first = await world.start();
    const settling = world.firestore.at('up', SETTLE, () => world.firestore.stall());
    const cut = world.send(first, callback);
    await settling;
    await first.end('SIGKILL');
    expect(await cut).toMatchObject({ status: 0 });
    await world.firestore.forward();
    expect(await world.published()).toEqual([callback.id]);
    expect(await world.delivery(callback)).toMatchObject({ state: 'pending' });

    const second = await world.start();
    const early = await world.send(second, callback);
    expectUnavailable(early, 'DELIVERY_IN_PROGRESS');
    await sleep(early.retryAfterSeconds * 1_000);
    expect(await world.send(second, callback)).toMatchObject({ status: 200, outcome: 'published' });
    expect(await world.published()).toEqual([callback.id]);
    expect(await world.delivery(callback)).toMatchObject({ state: 'published' });
  });

  test('before the record: nothing is left behind, and the retry works at once', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const first = await world.start();
    const claiming = world.firestore.at('up', CLAIM, () => world.firestore.stall());
    const cut = world.send(first, callback);
    await claiming;
    await first.end('SIGKILL');
    expect(await cut).toMatchObject({ status: 0 });
    await world.firestore.forward();
    expect(await world.delivery(callback)).toBeUndefined();
    expect(await world.project.documentIds('jobs')).toEqual([]);

    const second = await world.start();
    expect(await world.send(second, callback)).toMatchObject({ status: 200, outcome: 'published' });
    expect(await world.published()).toEqual([callback.id]);
    expect(await world.delivery(callback)).toMatchObject({ state: 'published', attempts: 1 });
  });

  test('in the middle of a mark that copies have made harder: nothing stays locked', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const first = await world.start();
    world.pubsub.stall();
    const cut = world.send(first, callback);
    await world.recorded(callback, 'pending');
    expectUnavailable(await world.send(first, callback), 'DELIVERY_IN_PROGRESS');
    // The copy has counted itself, so the first mark fails, and the owner reads the record again.
    await new Promise<void>((resolve) => {
      void world.firestore.at('up', SETTLE, () => {
        void world.firestore.at('up', SETTLE, () => world.firestore.stall()).then(resolve);
      });
      void world.pubsub.forward();
    });
    await first.end('SIGKILL');
    expect(await cut).toMatchObject({ status: 0 });
    await world.firestore.forward();

    const second = await world.start();
    const retried = await acceptedAt(world, second, callback);
    expect(retried.millis).toBeLessThan(LEASE_MILLIS + RECOVERED_MILLIS);
    expect(await world.delivery(callback)).toMatchObject({ state: 'published' });
  });

  test('between mark and answer: the retry is a duplicate, and nothing is published again', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const first = await world.start();
    const settling = world.firestore.at('up', SETTLE, () => world.firestore.stall('down'));
    const cut = world.send(first, callback);
    await settling;
    await world.recorded(callback, 'published');
    await first.end('SIGKILL');
    expect(await cut).toMatchObject({ status: 0 });
    await world.firestore.forward();

    const second = await world.start();
    expect(await world.send(second, callback)).toMatchObject({ status: 200, outcome: 'duplicate' });
    expect(await world.published()).toEqual([callback.id]);
  });
});

describe.concurrent('when Pub/Sub is out of reach, the record waits and the lease is given back at once', () => {
  interface Outage {
    readonly name: string;
    readonly begin: (world: ProxiedProject, instance: RunningFunction) => Promise<unknown>;
    /** Messages that Pub/Sub may have taken without saying so. */
    readonly unanswered: number;
  }

  const outages: readonly Outage[] = [
    { name: 'it refuses connections', begin: (world) => world.pubsub.refuse(), unanswered: 0 },
    {
      name: 'it refuses connections that there were',
      begin: async (world, instance) => {
        expect(await world.send(instance, newCallback())).toMatchObject({ status: 200 });
        expect(await world.published()).toHaveLength(1);
        await world.pubsub.refuse();
      },
      unanswered: 0,
    },
    { name: 'it takes bytes and does not answer', begin: async (world) => world.pubsub.stall(), unanswered: 1 },
    {
      name: 'it takes the message, and the connection ends before the answer',
      begin: async (world) => {
        world.pubsub.stall('down');
        void world.pubsub.at('up', 'webhook_id', () => {
          setTimeout(() => void world.pubsub.refuse(), 500);
        });
      },
      unanswered: 1,
    },
  ];

  test.for(outages)('$name', async ({ begin, unanswered }, { annotate }) => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    await begin(world, instance);

    const refused = await world.send(instance, callback);
    expectUnavailable(refused, 'PUBLISH_UNAVAILABLE');
    const { state, leaseUntil } = (await world.delivery(callback)) ?? {};
    expect(state).toBe('pending');
    expect(leaseUntil.toMillis()).toBeLessThanOrEqual(Date.now());

    await world.pubsub.forward();
    const retried = await world.send(instance, callback);
    expect(retried).toMatchObject({ status: 200, outcome: 'published' });
    expect(retried.millis).toBeLessThan(RECOVERED_MILLIS);
    const ids = await world.published();
    expect(new Set(ids)).toEqual(new Set([callback.id]));
    expect(ids.length).toBeLessThanOrEqual(1 + unanswered);
    expect(await world.recorded(callback, 'published')).toMatchObject({ attempts: 2 });
    await annotate(`answered after ${refused.millis} ms, recovered after ${retried.millis} ms`);
  });

  test('a connection that is cut once is made again within the same delivery', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    void world.pubsub.at('up', 'webhook_id', () => world.pubsub.cut());
    expect(await world.send(instance, callback)).toMatchObject({ status: 200, outcome: 'published' });
    expect(await world.published()).toEqual([callback.id]);
  });
});

test('a connection that could not be prepared is prepared again for the next message', async () => {
  await using world = await ProxiedProject.create();
  const publisher = new Publisher({
    projectId: undefined,
    pubsubEmulator: process.env['PUBSUB_EMULATOR_HOST'],
    topics: TOPICS,
  });
  const message = PING;
  const publish = () => publisher.publish('events', message, Deadline.inMillis(5_000));
  // As where the metadata server does not tell the project yet.
  vi.stubEnv('GOOGLE_CLOUD_PROJECT', '');
  await expect(publish()).rejects.toMatchObject({ reason: 'PUBLISH_UNAVAILABLE' });
  vi.stubEnv('GOOGLE_CLOUD_PROJECT', world.project.projectId);
  await publish();
  vi.unstubAllEnvs();
  expect(await world.published()).toEqual(['any']);
});

describe.concurrent('when Firestore is out of reach', () => {
  interface Outage {
    readonly name: string;
    readonly begin: (world: ProxiedProject) => unknown;
    /** True while a write is in flight that cannot be cancelled. */
    readonly mayClaim: boolean;
  }

  const outages: readonly Outage[] = [
    { name: 'it refuses connections', begin: (world) => world.firestore.refuse(), mayClaim: false },
    { name: 'it takes bytes and does not answer', begin: (world) => world.firestore.stall(), mayClaim: false },
    {
      name: 'it answers the read, but takes the write no more',
      begin: (world) => void world.firestore.at('up', CLAIM, () => world.firestore.stall()),
      mayClaim: true,
    },
    {
      name: 'it refuses connections from the write on',
      begin: (world) => void world.firestore.at('up', CLAIM, () => void world.firestore.refuse()),
      mayClaim: false,
    },
  ];

  test.for(outages)('nothing is recorded or published while $name', async ({ begin, mayClaim }, { annotate }) => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    await begin(world);
    const refused = await world.send(instance, callback);
    expectUnavailable(refused, 'STORE_UNAVAILABLE');
    expect(await world.delivery(callback)).toBeUndefined();
    expect(await world.published()).toEqual([]);

    await world.firestore.forward();
    const retried = await acceptedAt(world, instance, callback);
    await annotate(`answered after ${refused.millis} ms, recovered after ${retried.millis} ms`);
    expect(await world.published()).toEqual([callback.id]);
    expect(await world.delivery(callback)).toMatchObject({ state: 'published' });
    expect(retried.millis).toBeLessThan(mayClaim ? LEASE_MILLIS : RECOVERED_MILLIS);
  });
});

describe.concurrent('when Firestore fails in the middle', () => {
  test('a cut before the claim is written is repaired within the same delivery', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    void world.firestore.at('up', CLAIM, () => world.firestore.cut());
    expect(await world.send(instance, callback)).toMatchObject({ status: 200, outcome: 'published' });
    expect(await world.published()).toEqual([callback.id]);
    expect(await world.delivery(callback)).toMatchObject({ state: 'published', attempts: 1 });
  });

  test('a claim whose answer is lost is known again as our own', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    void world.firestore.at('up', CLAIM, () => world.firestore.stall('down'));
    const answer = world.send(instance, callback);
    await world.recorded(callback, 'pending');
    await world.firestore.forward();
    world.firestore.cut();
    expect(await answer).toMatchObject({ status: 200, outcome: 'published' });
    expect(await world.published()).toEqual([callback.id]);
    expect(await world.delivery(callback)).toMatchObject({ state: 'published', attempts: 1 });
    const job = await world.project.document(`jobs/batches~${callback.id}`);
    expect(job).toMatchObject({ state: 'succeeded', timeline: [{ webhookId: callback.id }] });
  });

  test('a take-over whose answer is lost is known again as our own', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    await world.pubsub.refuse();
    expectUnavailable(await world.send(instance, callback), 'PUBLISH_UNAVAILABLE');
    await world.pubsub.forward();
    const { leaseOwner } = (await world.delivery(callback)) ?? {};
    void world.firestore.at('up', TAKE_OVER, () => world.firestore.stall('down'));
    const answer = world.send(instance, callback);
    await eventually('the take-over', 5_000, async () => {
      const record = await world.delivery(callback);
      return record?.['leaseOwner'] === leaseOwner ? undefined : record;
    });
    await world.firestore.forward();
    world.firestore.cut();
    expect(await answer).toMatchObject({ status: 200, outcome: 'published' });
    expect(await world.published()).toEqual([callback.id]);
    expect(await world.delivery(callback)).toMatchObject({ state: 'published', attempts: 2 });
  });

  test('a cut before or after the mark is repaired within the same delivery', async () => {
    await using world = await ProxiedProject.create();
    const [before, after] = [newCallback(), newCallback()];
    const instance = await world.start();
    void world.firestore.at('up', SETTLE, () => world.firestore.cut());
    expect(await world.send(instance, before)).toMatchObject({ status: 200, outcome: 'published' });

    void world.firestore.at('up', SETTLE, () => world.firestore.stall('down'));
    const answer = world.send(instance, after);
    await world.recorded(after, 'published');
    await world.firestore.forward();
    world.firestore.cut();
    expect(await answer).toMatchObject({ status: 200, outcome: 'published' });
    expect(await world.published()).toEqual([before.id, after.id]);
    for (const callback of [before, after]) {
      expect(await world.delivery(callback)).toMatchObject({ state: 'published', attempts: 1 });
    }
  });
});

describe.concurrent('when Firestore is lost after the message is out', () => {
  const outages: readonly { name: string; begin: (world: ProxiedProject) => unknown }[] = [
    { name: 'it refuses connections', begin: (world) => void world.firestore.refuse() },
    { name: 'it takes bytes and does not answer', begin: (world) => world.firestore.stall() },
    { name: 'it marks, but its answers are lost', begin: (world) => world.firestore.stall('down') },
  ];

  test.for(outages)('there is no success without the mark: $name', async ({ begin }, { annotate }) => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    const settling = world.firestore.at('up', SETTLE, () => begin(world));
    const refused = await world.send(instance, callback);
    await settling;
    expectUnavailable(refused, 'STORE_UNAVAILABLE');
    expect(await world.published()).toEqual([callback.id]);

    await world.firestore.forward();
    const retried = await acceptedAt(world, instance, callback);
    expect(await world.recorded(callback, 'published')).toMatchObject({ webhookId: callback.id });
    expect(retried.millis).toBeLessThan(LEASE_MILLIS + RECOVERED_MILLIS);
    await annotate(`answered after ${refused.millis} ms, recovered after ${retried.millis} ms`);
  });
});

describe.concurrent('when a connection swallows everything and does not end', () => {
  test.for(['firestore', 'pubsub'] as const)('it is replaced: %s', async (backend, { annotate }) => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    expect(await world.send(instance, newCallback())).toMatchObject({ status: 200 });
    world[backend].swallow();
    const retried = await acceptedAt(world, instance, callback);
    await annotate(`recovered after ${retried.millis} ms`);
    expect(retried.millis).toBeLessThan(NOTICED_MILLIS + LEASE_MILLIS);
    expect(await world.published()).toContain(callback.id);
  });

  test('both backends at once: answered in time, and all is well when they are back', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    world.firestore.stall();
    world.pubsub.stall();
    expectUnavailable(await world.send(instance, callback), 'STORE_UNAVAILABLE');
    await Promise.all([world.firestore.forward(), world.pubsub.forward()]);
    await acceptedAt(world, instance, callback);
    expect(await world.published()).toEqual([callback.id]);
  });
});

describe.concurrent('the deadline of 8 s', () => {
  test('ends a slow body, and the rest of it claims nothing', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    const length = Buffer.byteLength(callback.body);
    const sending = request(instance.url, {
      method: 'POST',
      headers: { ...world.sign(callback), 'content-length': length },
    });
    sending.flushHeaders();
    const startedAt = performance.now();
    const drip = setInterval(() => sending.write(callback.body.slice(dripped, ++dripped)), 1_000);
    let dripped = 0;
    const [response] = await once(sending, 'response');
    clearInterval(drip);
    expect(response.statusCode).toBe(503);
    expect(JSON.stringify(await response.toArray().then(String))).toContain('DEADLINE_EXCEEDED');
    expect(performance.now() - startedAt).toBeLessThan(ANSWERED_MILLIS);

    sending.end(callback.body.slice(dripped));
    await sleep(1_000);
    expect(await world.published()).toEqual([]);
    expect(await world.send(instance, callback)).toMatchObject({ status: 200, outcome: 'published' });
    expect(await world.published()).toEqual([callback.id]);
  });

  test('keeps an answer that comes late from Firestore from becoming a claim', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    void world.firestore.at('up', callback.id, () => world.firestore.stall('down'));
    expectUnavailable(await world.send(instance, callback), 'STORE_UNAVAILABLE');
    await world.firestore.forward();
    await sleep(1_000);
    expect(await world.send(instance, callback)).toMatchObject({ status: 200, outcome: 'published' });
    expect(await world.published()).toEqual([callback.id]);
  });

  test('publishes nothing where no time is left', async () => {
    await using world = await ProxiedProject.create();
    const { projectId } = world.project;
    const publisher = new Publisher({ projectId, pubsubEmulator: process.env['PUBSUB_EMULATOR_HOST'], topics: TOPICS });
    const message = PING;
    await publisher.publish('events', message, Deadline.inMillis(5_000));
    expect(await world.published()).toEqual(['any']);
    await expect(publisher.publish('events', message, Deadline.inMillis(0))).rejects.toMatchObject({
      reason: 'PUBLISH_UNAVAILABLE',
    });
    await sleep(500);
    expect(await world.published()).toEqual([]);
  });
});

describe.concurrent('SIGTERM', () => {
  test('finishes requests in flight, refuses new ones and exits with 0', async ({ annotate }) => {
    await using world = await ProxiedProject.create();
    const inFlight = Array.from({ length: 10 }, newCallback);
    const instance = await world.start();
    expect(await world.send(instance, newCallback())).toMatchObject({ status: 200 });
    world.pubsub.delayMillis = { up: 1_500, down: 0 };
    const answers = Promise.all(inFlight.map((callback) => world.send(instance, callback)));
    await Promise.all(inFlight.map((callback) => world.recorded(callback, 'pending')));
    const startedAt = performance.now();
    const ended = instance.end('SIGTERM');
    let late = 0;
    await eventually('refusal', 3_000, async () => {
      const { status } = await world.send(instance, newCallback());
      // The signal is on its way for a moment.
      if (status === 200) late += 1;
      return status === 0 || undefined;
    });
    expect((await answers).map(({ status }) => status)).toEqual(inFlight.map(() => 200));
    expect(await ended).toBe(0);
    const millis = Math.round(performance.now() - startedAt);
    await annotate(`ended after ${millis} ms`);
    expect(millis).toBeLessThan(4_000);
    expect(new Set(await world.published()).size).toBe(inFlight.length + 1 + late);
  });

  test('may come twice', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    world.pubsub.delayMillis = { up: 1_500, down: 0 };
    const answer = world.send(instance, callback);
    await world.recorded(callback, 'pending');
    const ended = instance.end('SIGTERM');
    await eventually('the first signal', 1_000, async () => instance.output().includes('SIGTERM') || undefined);
    process.kill(instance.pid, 'SIGTERM');
    expect(await answer).toMatchObject({ status: 200, outcome: 'published' });
    expect(await ended).toBe(0);
  });

  test('is not held up by idle connections', async () => {
    await using world = await ProxiedProject.create();
    const instance = await world.start();
    const agent = new Agent({ keepAlive: true });
    const [response] = await once(get(instance.url, { agent }), 'response');
    await response.toArray();
    const startedAt = performance.now();
    expect(await instance.end('SIGTERM')).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    agent.destroy();
  });
});
