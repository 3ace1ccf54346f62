import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { GeminiEvent } from '../../../../functions/model/event.ts';
import { isFinal, stateOf } from '../../../../functions/model/eventTypes.ts';
import { applyEvent, type Job } from '../../../../functions/model/job.ts';

const T0 = Date.parse('2026-05-28T20:00:00Z');

function event(type: string, second: number, rest: { data?: object; userMetadata?: Record<string, unknown> } = {}) {
  const time = new Date(T0 + second * 1_000);
  const fields = { type, data: rest.data ?? {} };
  const job = { name: 'batches/abc', kind: 'batch' as const };
  const metadata = rest.userMetadata ? { userMetadata: rest.userMetadata } : {};
  return { type, time, timestamp: time.toISOString(), job, fields, ...metadata } satisfies GeminiEvent;
}

function applyAll(events: readonly { id: string; event: ReturnType<typeof event> }[], start?: Job): Job {
  return events.reduce<Job | undefined>((job, each) => applyEvent(job, each.event, each.id).job, start) as Job;
}

test('a late event that is not final leaves a final state unchanged', () => {
  const { state, lastEvent } = applyAll([
    { id: 'a', event: event('interaction.completed', 1) },
    { id: 'b', event: event('interaction.requires_action', 2) },
  ]);
  expect(state).toBe('succeeded');
  expect(lastEvent?.webhookId).toBe('b');
});

test('the later of two final events decides, in any order of arrival', () => {
  const failed = { id: 'a', event: event('batch.failed', 5, { data: { error_code: 3, error_message: 'bad' } }) };
  const succeeded = { id: 'b', event: event('batch.succeeded', 4) };
  for (const order of [
    [failed, succeeded],
    [succeeded, failed],
  ]) {
    expect(applyAll(order)).toMatchObject({
      state: 'failed',
      error: { code: '3', message: 'bad' },
      finishedAt: failed.event.time,
    });
  }
});

test('an error does not outlive a later success', () => {
  const job = applyAll([
    { id: 'a', event: event('batch.failed', 1, { data: { error_message: 'bad' } }) },
    { id: 'b', event: event('batch.succeeded', 2) },
  ]);
  expect(job).toMatchObject({ state: 'succeeded', error: undefined });
});

test('a second announcement of the same final state names the first', () => {
  const first = applyEvent(undefined, event('batch.succeeded', 1), 'first');
  expect(first).not.toHaveProperty('repeatOf');
  const second = applyEvent(first.job, event('batch.succeeded', 1), 'second');
  expect(second.repeatOf).toBe('first');
  expect(second.job.timeline).toHaveLength(2);
});

test('another final state, and a repeated state that is not final, are no repeats', () => {
  const failed = applyEvent(undefined, event('batch.failed', 1), 'a');
  expect(applyEvent(failed.job, event('batch.succeeded', 2), 'b')).not.toHaveProperty('repeatOf');
  const waiting = applyEvent(undefined, event('interaction.requires_action', 1), 'a');
  expect(applyEvent(waiting.job, event('interaction.requires_action', 2), 'b')).not.toHaveProperty('repeatOf');
});

test('an older event fills gaps and overwrites nothing', () => {
  const job = applyAll([
    { id: 'b', event: event('batch.succeeded', 2, { data: { output_file_uri: 'new' } }) },
    { id: 'a', event: event('batch.succeeded', 1, { data: { output_file_uri: 'old', file_name: 'files/x' } }) },
  ]);
  expect(job).toMatchObject({ outputFileUri: 'new', fileName: 'files/x' });
});

test('a video is found under each of its fields', () => {
  expect(applyAll([{ id: 'a', event: event('video.generated', 1, { data: { video_uri: 'v' } }) }]).outputFileUri).toBe(
    'v',
  );
  const both = event('video.generated', 1, { data: { video_uri: 'v', output_file_uri: 'o' } });
  expect(applyAll([{ id: 'a', event: both }]).outputFileUri).toBe('o');
});

test('the timeline keeps the last 50, and the state outlives the event that gave it', () => {
  const final = { id: 'final', event: event('batch.succeeded', 0) };
  const noise = Array.from({ length: 60 }, (_, n) => ({ id: `n${n}`, event: event('batch.progress', n + 1) }));
  const job = applyAll([final, ...noise]);
  expect(job.timeline).toHaveLength(50);
  expect(job.timeline?.[0]?.webhookId).toBe('n10');
  expect(job).toMatchObject({ state: 'succeeded', finishedAt: final.event.time });
});

test('metadata as submitted stays where an event has none', () => {
  const submitted: Job = { jobId: 'batches/abc', kind: 'batch', state: 'submitted', userMetadata: { team: 'a' } };
  expect(applyAll([{ id: 'a', event: event('batch.succeeded', 1) }], submitted).userMetadata).toEqual({ team: 'a' });
  const echoed = event('batch.succeeded', 1, { userMetadata: { team: 'b' } });
  expect(applyAll([{ id: 'a', event: echoed }], submitted).userMetadata).toEqual({ team: 'b' });
});

test('a type that is cut, or broken, leaves a text that Firestore can hold', () => {
  for (const type of [`${'x'.repeat(255)}😀.failed`, 'batch.\udc00failed']) {
    const { job } = applyEvent(undefined, event(type, 1), 'a');
    expect(job.lastEvent?.type.isWellFormed()).toBe(true);
  }
});

test('texts of any length leave a record that Firestore can hold', () => {
  const long = 'x'.repeat(250_000);
  const data = { error_message: long, error_code: long, output_file_uri: long, file_name: long };
  const { job } = applyEvent(
    undefined,
    { ...event(`batch.${long}`, 1, { data }), userMetadata: { long: long.repeat(2) } },
    'a',
  );
  expect(Buffer.byteLength(JSON.stringify(job))).toBeLessThan(30_000);
});

const TYPES = [
  'batch.succeeded',
  'batch.failed',
  'batch.cancelled',
  'interaction.requires_action',
  'batch.running',
  'batch.odd',
];

const history = fc
  .uniqueArray(
    fc.record({ id: fc.stringMatching(/^[a-z]{1,3}$/), type: fc.constantFrom(...TYPES), second: fc.nat(6) }),
    {
      selector: ({ id }) => id,
      minLength: 1,
      maxLength: 12,
    },
  )
  .map((all) => all.map(({ id, type, second }) => ({ id, event: event(type, second) })));

test('the order of arrival changes neither state, timeline, last event nor time of finish', () => {
  const shuffled = history.chain((events) =>
    fc.tuple(fc.constant(events), fc.shuffledSubarray(events, { minLength: events.length })),
  );
  fc.assert(
    fc.property(shuffled, ([events, others]) => {
      const { state, timeline, lastEvent, finishedAt } = applyAll(events);
      expect(applyAll(others)).toMatchObject({ state, timeline, lastEvent, finishedAt });
    }),
  );
});

test('a final state is never left for one that is not, and there is one first announcement of each', () => {
  fc.assert(
    fc.property(history, (events) => {
      let job: Job | undefined;
      const announced = new Set<string>();
      for (const each of events) {
        const change = applyEvent(job, each.event, each.id);
        expect(isFinal(job?.state ?? 'unknown') && !isFinal(change.job.state)).toBe(false);
        const state = stateOf(each.event.type);
        expect(change.repeatOf !== undefined).toBe(isFinal(state) && announced.has(state));
        announced.add(state);
        job = change.job;
      }
    }),
  );
});

test('a final state stays, and its repeat is recognized, after fifty later events have replaced it in the timeline', () => {
  const completed = { id: 'end', event: event('interaction.completed', 1) };
  const later = Array.from({ length: 55 }, (_, n) => ({
    id: `b${n}`,
    event: event('interaction.requires_action', 2 + n),
  }));
  for (const order of [
    [completed, ...later],
    [...later, completed],
  ]) {
    const job = applyAll(order);
    expect(job).toMatchObject({ state: 'succeeded', finishedAt: completed.event.time });
    expect(job.timeline?.some(({ webhookId }) => webhookId === 'end')).toBe(false);
    expect(applyEvent(job, completed.event, 'again').repeatOf).toBe('end');
  }
});

test('each repeat names the delivery that announced the end first, for any ids and times', () => {
  const ends = ['m', 'z', 'a', 'k'].map((id, n) => ({ id, event: event('batch.succeeded', n === 2 ? 0 : 5) }));
  let job: Job | undefined;
  const named = ends.map(({ id, event: each }) => {
    const change = applyEvent(job, each, id);
    ({ job } = change);
    return change.repeatOf;
  });
  expect(named).toEqual([undefined, 'm', 'm', 'm']);
});

test('a record with nothing but the contract’s fields is understood', () => {
  const known = { jobId: 'batches/abc', kind: 'batch', state: 'succeeded' } as const;
  expect(applyEvent(known, event('batch.running', 9), 'a').job.state).toBe('succeeded');
  const timeline = [{ webhookId: 'first', type: 'batch.succeeded', time: new Date(T0) }];
  expect(applyEvent({ ...known, timeline }, event('batch.succeeded', 9), 'b').repeatOf).toBe('first');
});

test('metadata that Firestore cannot hold is dropped, and the rest is kept', () => {
  const userMetadata = { team: 'search', nested: [[1]], __a__: 1, huge: 2 ** 60, n: 3 };
  const { job } = applyEvent(undefined, event('batch.succeeded', 1, { userMetadata }), 'a');
  expect(job.userMetadata).toEqual({ team: 'search', n: 3 });
});

test('an error without a code and a message is not recorded', () => {
  const { job } = applyEvent(undefined, event('batch.failed', 1, { data: { error_code: null } }), 'a');
  expect(job.error).toBeUndefined();
});
