import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { PubSub } from '@google-cloud/pubsub';
import { describe, expect, test, vi } from 'vitest';
import { clockAhead, type RunningFunction } from '../../local/functions.ts';
import { eventually } from '../../local/process.ts';
import { type Answer, type Callback, ProxiedProject } from '../support/proxiedProject.ts';
import { seeded } from '../support/random.ts';

// Each test here runs two processes or loads one: more at a time would measure the machine.
vi.setConfig({ maxConcurrency: 2, testTimeout: 90_000 });

const ANSWERED_MILLIS = 8_500;

let callbacks = 0;

function newCallback(
  type = 'batch.succeeded',
  time = new Date(),
  jobId = `batches/load_${callbacks}`,
): Callback & { readonly jobId: string } {
  const body = JSON.stringify({ type, timestamp: time.toISOString(), data: { id: jobId } });
  return { id: `msg_load_${callbacks++}`, body, jobId };
}

function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** A subscriber that remembers each message once, with the time at which Pub/Sub took it. */
class Subscriber {
  readonly messages = new Map<string, { webhookId: string | undefined; at: number; repeatOf: string | undefined }>();
  readonly #pubsub: PubSub;

  constructor(projectId: string) {
    this.#pubsub = new PubSub({ projectId });
    this.#pubsub.subscription('gemini-events').on('message', (message) => {
      const { webhook_id: webhookId, repeat_of: repeatOf } = message.attributes;
      this.messages.set(message.id, { webhookId, repeatOf, at: message.publishTime.getTime() });
      message.ack();
    });
  }

  timesOf(id: string): readonly number[] {
    return [...this.messages.values()].filter(({ webhookId }) => webhookId === id).map(({ at }) => at);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pubsub.close();
  }
}

/** Two instances that are killed at random, and the deliveries that they were handling then. */
class MortalInstances {
  /** How many kills each delivery was in flight at. */
  readonly inFlightAtKill = new Map<string, number>();
  kills = 0;
  readonly #world: ProxiedProject;
  readonly #random: () => number;
  readonly #inFlight = new Map<RunningFunction, Set<Callback>>();
  readonly #slots: (RunningFunction | undefined)[] = [undefined, undefined];

  constructor(world: ProxiedProject, random: () => number) {
    this.#world = world;
    this.#random = random;
  }

  async start(): Promise<void> {
    await Promise.all(this.#slots.map((_, slot) => this.#startIn(slot)));
  }

  /** Kills one after the other, while the one before is still starting again. */
  async kill(times: number, everyMillis: number): Promise<void> {
    const starting: Promise<void>[] = [];
    while (this.kills < times) {
      await sleep(everyMillis * (0.5 + this.#random()));
      const slot = this.#slots.findIndex((instance) => instance === this.#pick());
      const victim = this.#slots[slot];
      if (victim === undefined) continue;
      this.#slots[slot] = undefined;
      for (const id of new Set([...(this.#inFlight.get(victim) ?? [])].map((attempt) => attempt.id))) {
        this.inFlightAtKill.set(id, (this.inFlightAtKill.get(id) ?? 0) + 1);
      }
      this.kills++;
      starting.push(victim.end('SIGKILL').then(() => this.#startIn(slot)));
    }
    await Promise.all(starting);
  }

  /** One attempt at one of those that are alive. */
  async send(callback: Callback): Promise<Answer | undefined> {
    const instance = this.#pick();
    const attempts = instance && this.#inFlight.get(instance);
    if (instance === undefined || attempts === undefined) return undefined;
    const attempt = { ...callback };
    attempts.add(attempt);
    const answer = await this.#world.send(instance, attempt);
    attempts.delete(attempt);
    return answer;
  }

  #pick(): RunningFunction | undefined {
    const alive = this.#slots.filter((instance) => instance !== undefined);
    return alive[Math.floor(this.#random() * alive.length)];
  }

  async #startIn(slot: number): Promise<void> {
    const instance = await this.#world.start();
    this.#inFlight.set(instance, new Set());
    this.#slots[slot] = instance;
  }
}

/** The sender's retries until one is accepted. */
async function accepted(world: ProxiedProject, instance: RunningFunction, callback: Callback): Promise<void> {
  await eventually(`${callback.id} is accepted`, 20_000, async () => {
    const { status } = await world.send(instance, callback);
    if (status !== 200) await sleep(250);
    return status === 200 || undefined;
  });
}

function memoryMiB({ pid }: RunningFunction): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kibibytes) / 1_024);
}

/** Every 200 has its record; what was refused is accepted when it comes again. */
async function expectNothingLost(
  world: ProxiedProject,
  instance: RunningFunction,
  sent: readonly Callback[],
  answers: readonly Answer[],
): Promise<void> {
  const refused = sent.filter((_, index) => answers[index]?.status !== 200);
  for (let from = 0; from < refused.length; from += 50) {
    await Promise.all(refused.slice(from, from + 50).map((callback) => accepted(world, instance, callback)));
  }
  const records = await world.project.firestore.collection('deliveries').get();
  expect(records.docs.filter((record) => record.get('state') !== 'published')).toEqual([]);
  expect(new Set(await world.published()).size).toBe(sent.length + 1);
}

/** One record for each event, marked as published; one for each job, with all of its events. */
async function expectRecords(
  world: ProxiedProject,
  jobs: readonly (readonly (Callback & { readonly jobId: string })[])[],
): Promise<void> {
  const deliveries = await world.project.firestore.collection('deliveries').get();
  expect(deliveries.size).toBe(jobs.flat().length);
  expect(deliveries.docs.filter((record) => record.get('state') !== 'published').map(({ id }) => id)).toEqual([]);
  const records = await world.project.firestore.collection('jobs').get();
  expect(records.size).toBe(jobs.length);
  for (const events of jobs) {
    const record = records.docs.find(({ id }) => id === events[0]?.jobId.replace('/', '~'));
    expect(record?.data()).toMatchObject({
      state: 'succeeded',
      timeline: events.map(({ id }) => ({ webhookId: id })),
      lastEvent: { webhookId: events.at(-1)?.id },
    });
  }
}

describe('two instances', () => {
  test.concurrent('killed at random lose nothing, and double only what was in flight', async ({ annotate }) => {
    await using world = await ProxiedProject.create();
    await using subscriber = new Subscriber(world.project.projectId);
    const random = seeded('20_261_123');
    const instances = new MortalInstances(world, random);
    await instances.start();

    const types = ['batch.pending', 'batch.running', 'batch.succeeded'];
    const startedAt = Date.now();
    const jobs = Array.from({ length: 100 }, (_, job) =>
      types.map((type, index) => newCallback(type, new Date(startedAt + index * 1_000), `batches/job_${job}`)),
    );
    const statuses = new Map<number | undefined, number>();
    const tooEarly: string[] = [];

    const deliver = async (callback: Callback) => {
      for (;;) {
        const answer = await instances.send(callback);
        statuses.set(answer?.status, (statuses.get(answer?.status) ?? 0) + 1);
        if (answer?.status === 200) break;
        await sleep((answer ? 1_000 : 200) * (0.5 + random()));
      }
      const answeredAt = Date.now();
      const record = await world.delivery(callback);
      await eventually('a message', 5_000, async () => subscriber.timesOf(callback.id)[0]);
      const before = subscriber.timesOf(callback.id).filter((at) => at <= answeredAt);
      if (record?.['state'] !== 'published' || before.length === 0) tooEarly.push(callback.id);
    };
    const deliveries = shuffled(jobs.flat(), random).map(async (callback) => {
      const copies = 1 + Math.floor(random() * 3);
      await sleep(random() * 12_000);
      await Promise.all(Array.from({ length: copies }, () => deliver(callback)));
    });
    await Promise.all([...deliveries, instances.kill(13, 900)]);
    const millis = Date.now() - startedAt;

    expect(tooEarly).toEqual([]);
    expect([...statuses.keys()].filter((status) => ![200, 503, 0, undefined].includes(status))).toEqual([]);
    const counts = jobs.flat().map(({ id }) => ({ id, count: subscriber.timesOf(id).length }));
    expect(counts.filter(({ count }) => count === 0)).toEqual([]);
    // Each kill may double a delivery once, and only one that it has hit.
    expect(counts.filter(({ id, count }) => count > 1 + (instances.inFlightAtKill.get(id) ?? 0))).toEqual([]);
    const doubled = counts.filter(({ count }) => count > 1);
    expect([...subscriber.messages.values()].filter(({ repeatOf }) => repeatOf !== undefined)).toEqual([]);
    await expectRecords(world, jobs);
    await annotate(
      `${instances.kills} kills in ${millis} ms, ${instances.inFlightAtKill.size} deliveries in flight at one, ` +
        `${doubled.length} doubled; answers ${JSON.stringify(Object.fromEntries(statuses))}`,
    );
  });

  test.concurrent('whose clocks are 250 s apart respect each other’s leases', async () => {
    await using world = await ProxiedProject.create();
    const [ahead, right] = await Promise.all([world.start(clockAhead(250_000)), world.start()]);
    for (const [owner, other] of [
      [ahead, right],
      [right, ahead],
    ] as const) {
      const callback = newCallback();
      world.pubsub.stall();
      const owned = world.send(owner, callback);
      const { firstReceivedAt, expireAt } = await world.recorded(callback, 'pending');
      expect(Math.abs(firstReceivedAt.toMillis() - Date.now())).toBeLessThan(100_000);
      // The expiry goes by the owner's clock, which shows that it is ahead.
      expect(expireAt.toMillis() - firstReceivedAt.toMillis() > 30 * 86_400_000 + 200_000).toBe(owner === ahead);
      const turnedAway = await world.send(other, callback);
      expect(turnedAway).toMatchObject({ status: 503, outcome: 'DELIVERY_IN_PROGRESS' });
      expect(turnedAway.retryAfterSeconds).toBeLessThanOrEqual(10);
      await world.pubsub.forward();
      expect(await owned).toMatchObject({ status: 200, outcome: 'published' });
      expect(await world.published()).toEqual([callback.id]);
      expect(await world.send(other, callback)).toMatchObject({ status: 200, outcome: 'duplicate' });
    }
  });

  test.concurrent(
    'whose clocks are 250 s apart publish no delivery twice, and take over what is given back',
    async () => {
      await using world = await ProxiedProject.create();
      const [ahead, right] = await Promise.all([world.start(clockAhead(250_000)), world.start()]);
      const sent = Array.from({ length: 40 }, () => newCallback());
      const sending = sent.map(async (callback) => {
        const answers = await Promise.all([ahead, right].map((instance) => world.send(instance, callback)));
        expect(answers.map(({ status }) => status)).toContain(200);
      });
      await Promise.all(sending);
      expect((await world.published()).toSorted()).toEqual(sent.map(({ id }) => id).toSorted());

      await world.pubsub.refuse();
      const callback = newCallback();
      expect(await world.send(ahead, callback)).toMatchObject({ status: 503, outcome: 'PUBLISH_UNAVAILABLE' });
      await world.pubsub.forward();
      expect(await world.send(right, callback)).toMatchObject({ status: 200, outcome: 'published' });
      expect(await world.published()).toEqual([callback.id]);
    },
  );

  test('that get 50 events of one job at the same moment record them all', async ({ annotate }) => {
    await using world = await ProxiedProject.create();
    const instances = await Promise.all([world.start(), world.start()]);
    const startedAt = Date.now();
    const events = Array.from({ length: 50 }, (_, index) => {
      const type = index === 25 ? 'interaction.completed' : 'interaction.requires_action';
      return newCallback(type, new Date(startedAt + index), 'interactions/busy');
    });
    const answers = await Promise.all(
      shuffled(events, seeded('7')).map((event, index) => world.send(index % 2 ? instances[0] : instances[1], event)),
    );
    await annotate(`slowest answer after ${Math.max(...answers.map(({ millis }) => millis))} ms`);
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect(await world.project.document('jobs/interactions~busy')).toMatchObject({
      state: 'succeeded',
      timeline: events.map(({ id }) => ({ webhookId: id })),
      lastEvent: { webhookId: events.at(-1)?.id },
    });
    expect((await world.published()).toSorted()).toEqual(events.map(({ id }) => id).toSorted());
  });
});

describe('a long time of nothing', () => {
  // The heap that Node takes for itself on an instance of 512 MiB.
  test.concurrent('in Firestore does not fill the memory of a small instance', async ({ annotate }) => {
    await using world = await ProxiedProject.create();
    const instance = await world.start({ NODE_OPTIONS: '--max-old-space-size=256' });
    const answers: Promise<Answer>[] = [];
    const during: Callback[] = [];
    const startedAt = performance.now();
    const load = setInterval(() => {
      while (answers.length * 20 < performance.now() - startedAt) {
        const callback = newCallback();
        during.push(callback);
        answers.push(world.send(instance, callback));
      }
    }, 20);
    try {
      await sleep(3_000);
      const before = { count: answers.length, memory: memoryMiB(instance) };
      let peak = before.memory;
      const sampling = setInterval(() => (peak = Math.max(peak, memoryMiB(instance))), 200);
      world.firestore.stall();
      await sleep(6_000);
      await world.firestore.refuse();
      await sleep(6_000);
      const count = answers.length;
      clearInterval(load);
      await world.firestore.forward();
      const recoveredAt = performance.now();
      const fresh = newCallback();
      await accepted(world, instance, fresh);
      const recovered = Math.round(performance.now() - recoveredAt);
      const ended = await Promise.all(answers);
      await sleep(3_000);
      clearInterval(sampling);
      const outage = ended.slice(before.count, count);
      await annotate(
        `memory ${before.memory} MiB before, ${peak} MiB at most, ${memoryMiB(instance)} MiB after ` +
          `${outage.length} deliveries in the outage; recovered after ${recovered} ms; slowest answer ` +
          `${Math.max(...ended.map(({ millis }) => millis))} ms`,
      );
      expect(peak - before.memory).toBeLessThan(250);
      expect(ended.filter(({ status, millis }) => ![200, 503].includes(status) || millis > ANSWERED_MILLIS)).toEqual(
        [],
      );
      expect(outage.length).toBeGreaterThan(500);
      expect(recovered).toBeLessThan(5_000);
      await expectNothingLost(world, instance, during, ended);
    } finally {
      clearInterval(load);
    }
  });

  test.concurrent('slept through by the owner of a lease does not make it publish what another has', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const [sleeper, other] = await Promise.all([world.start(), world.start()]);
    // The answer is let through while the owner is stopped: it finds it in its socket when it wakes up.
    void world.firestore.at('up', 'bodySha256', () => world.firestore.stall('down'));
    const late = world.send(sleeper, callback);
    await world.recorded(callback, 'pending');
    process.kill(sleeper.pid, 'SIGSTOP');
    await world.firestore.forward();
    await accepted(world, other, callback);
    process.kill(sleeper.pid, 'SIGCONT');
    expect(await late).toMatchObject({ status: 503 });
    await sleep(1_000);
    expect(await world.published()).toEqual([callback.id]);
    expect(await world.delivery(callback)).toMatchObject({ state: 'published' });
  });
});
