import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { RunningFunction } from '../../local/functions.ts';
import { acceptedAt, ANSWERED_MILLIS, RECOVERED_MILLIS, test } from '../faults/support.ts';
import { type Answer, type Callback, newCallback, type ProxiedProject } from '../support/proxiedProject.ts';
import { seeded, shuffled } from '../support/random.ts';

function memoryMiB({ pid }: RunningFunction): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kibibytes) / 1_024);
}

/** Sends 50 callbacks a second until it is stopped. */
class Load {
  readonly sent: Callback[] = [];
  readonly answers: Promise<Answer>[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(world: ProxiedProject, instance: RunningFunction) {
    const startedAt = performance.now();
    this.#timer = setInterval(() => {
      while (this.sent.length * 20 < performance.now() - startedAt) {
        const callback = newCallback();
        this.sent.push(callback);
        this.answers.push(world.send(instance, callback));
      }
    }, 20);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

test('50 simultaneous events of one job over two instances are all recorded', async ({ world, annotate }) => {
  const instances = await Promise.all([world.start(), world.start()]);
  const startedAt = Date.now();
  const events = Array.from({ length: 50 }, (_, index) => {
    const type = index === 25 ? 'interaction.completed' : 'interaction.requires_action';
    return newCallback(type, new Date(startedAt + index), 'interactions/busy');
  });
  const sending = shuffled(events, seeded('7')).map((event, n) => world.send(instances[n % 2 ? 0 : 1], event));
  const answers = await Promise.all(sending);
  await annotate(`slowest answer after ${Math.max(...answers.map(({ millis }) => millis))} ms`);
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  expect(await world.project.document('jobs/interactions~busy')).toMatchObject({
    state: 'succeeded',
    timeline: events.map(({ id }) => ({ webhookId: id })),
    lastEvent: { webhookId: events.at(-1)?.id },
  });
  expect((await world.published()).toSorted()).toEqual(events.map(({ id }) => id).toSorted());
});

test(
  'an outage of Firestore does not fill the memory of a small instance, and loses no callback',
  { timeout: 90_000 },
  async ({ world, annotate }) => {
    // The heap that Node takes on an instance of 512 MiB.
    const instance = await world.start({ NODE_OPTIONS: '--max-old-space-size=256' });
    const load = new Load(world, instance);
    await sleep(2_000);
    const before = { count: load.sent.length, memory: memoryMiB(instance) };
    let peak = before.memory;
    const sampling = setInterval(() => (peak = Math.max(peak, memoryMiB(instance))), 200);
    world.firestore.stall();
    await sleep(6_000);
    await world.firestore.refuse();
    await sleep(4_000);
    const during = load.sent.length - before.count;
    load.stop();
    await world.firestore.forward();
    const recovered = await acceptedAt(world, instance, newCallback());
    const answers = await Promise.all(load.answers);
    clearInterval(sampling);
    await annotate(
      `memory ${before.memory} MiB before, ${peak} MiB at most during ${during} deliveries; ` +
        `recovered after ${recovered.millis} ms; slowest answer ${Math.max(...answers.map(({ millis }) => millis))} ms`,
    );
    expect(peak - before.memory).toBeLessThan(250);
    expect(during).toBeGreaterThan(400);
    expect(recovered.millis).toBeLessThan(RECOVERED_MILLIS);
    const late = answers.filter(({ status, millis }) => ![200, 503].includes(status) || millis > ANSWERED_MILLIS);
    expect(late).toEqual([]);

    const refused = load.sent.filter((_, index) => answers[index]?.status !== 200);
    for (let from = 0; from < refused.length; from += 50) {
      await Promise.all(refused.slice(from, from + 50).map((callback) => acceptedAt(world, instance, callback)));
    }
    const records = await world.project.firestore.collection('deliveries').get();
    expect(records.docs.filter((record) => record.get('state') !== 'published')).toEqual([]);
    expect(new Set(await world.published()).size).toBe(load.sent.length + 1);
  },
);
