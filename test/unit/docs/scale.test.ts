import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { VARIABLES } from '../../../functions/config/variables.ts';

const ROOT = join(import.meta.dirname, '../../..');
const read = (name: string) => readFileSync(join(ROOT, name), 'utf8');

const PAGE = read('docs/scale.md');
/** The page in one line, for sentences. */
const TEXT = PAGE.replaceAll(/\s+/g, ' ');

/** The rows of the table in a section, without its head. */
function tableOf(section: string): readonly (readonly string[])[] {
  const [, body = ''] = PAGE.split(`\n## ${section}\n`);
  const lines = (body.split('\n## ', 1)[0] ?? '').split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function numberIn(text = ''): number {
  return Number(text.replaceAll(',', ''));
}

/** The numbers of each row, by what stands before them. */
function numbersOf(section: string, columns = 1): Readonly<Record<string, readonly number[]>> {
  return Object.fromEntries(
    tableOf(section).map(([name = '', ...cells]) => [name, cells.slice(0, columns).map(numberIn)]),
  );
}

const inputs = numbersOf('Inputs');

function input(name: string): number {
  const [value] = inputs[name] ?? [];
  if (value === undefined || Number.isNaN(value)) throw new Error(`The page has no input "${name}".`);
  return value;
}

const target = input('utilisation target, %') / 100;
const latencySeconds = input('callback: latency, ms') / 1_000;
const processorSeconds = input('callback: processor time, ms') / 1_000;
const jobSeconds = input('fetchResults: small job, ms') / 1_000;
const slots = input('geminiCallback: concurrency');
const hotWrites = input('Firestore, writes/s with an index that rises');
const deliveryWrites = input('writes to `deliveries`, each event');
const jobWrites = input('writes to `jobs`, each job');
const eventBytes = input('event message, bytes');
const resultBytes = input('results of a job, bytes');

const rounded = (value: number, digits = 1) => Number(value.toFixed(digits));

/** Firestore's advice: 500 writes/s at first, half as many more every five minutes. */
function rampMinutes(writes: number): number {
  let minutes = 0;
  for (let allowed = 500; allowed < writes; allowed *= 1.5) minutes += 5;
  return minutes;
}

test('the inputs are those of the deployment and the settings', () => {
  const shapes = read('deploy/steps/functions.ts');
  for (const name of ['geminiCallback', 'fetchResults']) {
    const [command = ''] = new RegExp(`^  ${name}: {[^]*?^  },`, 'm').exec(shapes) ?? [];
    const flag = (option: string) => Number(new RegExp(`${option}'?: (\\d+)`).exec(command)?.[1]);
    const inputsOf = [input(`${name}: concurrency`), input(`${name}: instances`)];
    expect([name, flag('concurrency'), flag('max-instances')]).toEqual([name, ...inputsOf]);
  }
  const [, writes] = /100,000 events cost [\d,]+ reads, ([\d,]+) writes/.exec(PAGE) ?? [];
  // One of the writes of an event goes to its job.
  expect(deliveryWrites + 1).toBe(numberIn(writes) / 100_000);
  expect(VARIABLES.DELIVERY_TTL_DAYS.fallback).toBe(input("delivery's record, days"));
});

test('the limits are what the inputs make of them, in the order in which they are met', () => {
  const capacity = input('geminiCallback: instances') * target;
  const limits = {
    'fetchResults, with small jobs':
      (input('fetchResults: instances') * input('fetchResults: concurrency')) / jobSeconds,
    'indexes of `jobs` that rise': hotWrites / jobWrites,
    'indexes of `deliveries` that rise': hotWrites / deliveryWrites,
    'geminiCallback, by the processor': capacity / processorSeconds,
    'geminiCallback, by concurrency': (capacity * slots) / latencySeconds,
    'Pub/Sub, all jobs together': (input('Pub/Sub, MB/s of a region') * 1e6) / (eventBytes + resultBytes),
  };
  const page = Object.entries(numbersOf('Limits')).map(([name, [at]]) => [name, at]);
  expect(page).toEqual(Object.entries(limits).map(([name, at]) => [name, Math.floor(rounded(at))]));
  expect(page).toEqual(page.toSorted(([, a], [, b]) => Number(a) - Number(b)));
  expect(PAGE).toContain(`at ${page[0]?.[1]} small jobs a second`);
  expect(PAGE).toContain(`at ${page[1]?.[1]} jobs a second`);
});

describe('what one job and one run can do is what the code says:', () => {
  const constant = (file: string, name: string) =>
    numberIn(new RegExp(`const ${name} = ([\\d_]+)`).exec(read(file))?.[1]?.replaceAll('_', ''));

  test('checkpoints, and the output that one run publishes', () => {
    const every = constant('functions/results/publishing/checkpoints.ts', 'EVERY_RESULTS');
    const seconds = constant('functions/results/publishing/checkpoints.ts', 'EVERY_MILLIS') / 1_000;
    const bytes = input('Pub/Sub, MB/s of an ordering key') * 1e6;
    const [, size] = /and (\d+) bytes a message/.exec(TEXT) ?? [];
    expect(PAGE).toContain(`every ${seconds} s or ${every.toLocaleString('en')} results`);
    expect(TEXT).toContain(`: ${rounded(bytes / Number(size) / every)} writes/s at ${bytes / 1e6} MB/s`);

    const config = 'functions/results/config.ts';
    const run = VARIABLES.CLOUD_RUN_TIMEOUT_SECONDS.fallback - constant(config, 'GRACE_MILLIS') / 1_000;
    expect(TEXT).toContain(
      `100 MB of results take ${100e6 / bytes} s, and a run of ${run} s publishes ${(run * bytes) / 1e6} MB`,
    );
  });

  test('silent jobs that a run of the reconciler asks about', () => {
    const atOnce = constant('functions/reconcile/runState.ts', 'CONCURRENCY');
    const [, left] = /const RESERVES = {.* lostCallbacks: ([\d.]+)/.exec(read('functions/reconcile/run.ts')) ?? [];
    const seconds = (constant('functions/reconcile/runtime.ts', 'BUDGET_MILLIS') * (1 - Number(left))) / 1_000;
    const [, minutes] = /--schedule=\*\/(\d+) /.exec(read('deploy/steps/scheduler.ts')) ?? [];
    const hourly = (atOnce * seconds * 60) / Number(minutes);
    expect(TEXT).toContain(
      `: ${atOnce} at once for ${seconds} s, which is ${atOnce * seconds} jobs where Gemini answers within 1 s, ` +
        `and ${hourly.toLocaleString('en')} an hour with a run every`,
    );
  });

  test('the longest line', () => {
    expect(PAGE).toContain(`${constant('functions/results/sources/lines.ts', 'MAX_LINE_BYTES') / 2 ** 20} MB`);
  });
});

interface CompositeIndex {
  readonly collectionGroup: string;
  readonly fields: readonly { readonly fieldPath: string; readonly order: string }[];
}

interface FieldOverride {
  readonly collectionGroup: string;
  readonly fieldPath: string;
  readonly indexes: readonly object[];
}

const { indexes: composites, fieldOverrides } = JSON.parse(read('firestore.indexes.json')) as {
  indexes: readonly CompositeIndex[];
  fieldOverrides: readonly FieldOverride[];
};

/** Every time in the three collections that is written as the clock goes. */
const TIMES: Readonly<Record<string, readonly string[]>> = {
  deliveries: ['eventTime', 'firstReceivedAt', 'lastReceivedAt', 'publishedAt', 'leaseUntil', 'expireAt'],
  jobs: [
    'createdAt',
    'updatedAt',
    'submittedAt',
    'finishedAt',
    'lastEvent.time',
    'timeline.time',
    'results.updatedAt',
    'results.leaseUntil',
    'reconcile.nextAt',
  ],
  submissions: ['startedAt', 'leaseUntil', 'expireAt'],
};

/** A field has its automatic index unless it, or the map that it stands in, is exempt. */
function isExempt(collection: string, field: string): boolean {
  return fieldOverrides.some(
    ({ collectionGroup, fieldPath, indexes }) =>
      collectionGroup === collection &&
      indexes.length === 0 &&
      (field === fieldPath || field.startsWith(`${fieldPath}.`)),
  );
}

const orderOf = (field: { readonly order: string } | undefined) => (field?.order === 'ASCENDING' ? 'asc' : 'desc');

test('the indexes that rise with time are those of the index file and those that Firestore creates automatically', () => {
  const page = tableOf('Indexes that rise with time').map(
    ([collection = '', fields = '', order = '']) => `${collection} ${fields} ${order}`,
  );

  const rising = composites.filter(({ collectionGroup, fields }) =>
    fields.some(({ fieldPath }) => TIMES[collectionGroup]?.includes(fieldPath)),
  );
  const declared = rising.map(({ collectionGroup, fields }) => {
    const names = fields.map(({ fieldPath }) => `\`${fieldPath}\``).join(', ');
    return `\`${collectionGroup}\` ${names} ${orderOf(fields.at(-1))}`;
  });
  const automatic = Object.entries(TIMES).flatMap(([collection, fields]) =>
    fields.filter((field) => !isExempt(collection, field)).map((field) => `\`${collection}\` \`${field}\` automatic`),
  );
  expect(page.toSorted()).toEqual([...declared, ...automatic].toSorted());
});

describe('by rate', () => {
  const rates = [100, 1_000, 10_000];
  const shards = (writes: number) => Math.ceil(writes / hotWrites);

  test('each row follows from the inputs', () => {
    const recordBytes = input("delivery's record with its indexes, bytes");
    const rowOf: Readonly<Record<string, (rate: number) => number>> = {
      'geminiCallback: requests in flight': (rate) => rate * latencySeconds,
      'geminiCallback: instances by concurrency': (rate) => Math.ceil((rate * latencySeconds) / (slots * target)),
      'geminiCallback: instances by processor': (rate) => Math.ceil((rate * processorSeconds) / target),
      'fetchResults: jobs in flight': (rate) => rate * jobSeconds,
      '`deliveries`: writes/s': (rate) => rate * deliveryWrites,
      '`deliveries`: shards': (rate) => shards(rate * deliveryWrites),
      '`deliveries`: minutes to ramp up': (rate) => rampMinutes(rate * deliveryWrites),
      '`jobs`: writes/s': (rate) => rate * jobWrites,
      '`jobs`: shards': (rate) => shards(rate * jobWrites),
      '`jobs`: minutes to ramp up': (rate) => rampMinutes(rate * jobWrites),
      'Pub/Sub: events, MB/s': (rate) => (rate * eventBytes) / 1e6,
      'Pub/Sub: results, MB/s': (rate) => (rate * resultBytes) / 1e6,
      '`deliveries`: TB': (rate) => (rate * 86_400 * input("delivery's record, days") * recordBytes) / 1e12,
      'log, GB a day': (rate) => (rate * 86_400 * input('log line, bytes')) / 1e9,
    };
    const computed = Object.entries(rowOf).map(([name, compute]) => [
      name,
      rates.map((rate) => rounded(compute(rate))),
    ]);
    expect(numbersOf('By rate', rates.length)).toEqual(Object.fromEntries(computed));
  });

  test('the advice follows from the rows', () => {
    const [, concurrency, instances] = /--concurrency=(\d+)\s+--memory=2Gi`, (\d+) instances/.exec(PAGE) ?? [];
    expect(Number(instances)).toBe(Math.ceil((1_000 * jobSeconds) / (Number(concurrency) * target)));
    expect(PAGE).toContain(`modulo ${shards(1_000 * jobWrites)},`);
    expect(PAGE).toContain(`: ${shards(1_000 * jobWrites)} installations, each with some of the routes`);
    expect(PAGE).toContain(`rather than ${shards(10_000 * jobWrites)} shards`);
    expect(PAGE).toContain(`at the target ${(target / processorSeconds) * latencySeconds} requests in\nflight`);
  });
});

test('100,000 events cost what the page counts, and their results beside it', () => {
  const [, reads, writes, messages] =
    /100,000 events cost ([\d,]+) reads, ([\d,]+) writes and ([\d,]+) messages/.exec(PAGE) ?? [];
  const events = numberIn(messages);
  // A result's message, and the one that says that it was the last; taking and completing are a read and a write each.
  const published = (events * (eventBytes + resultBytes + 1_000)) / 1_000;
  const counts = {
    'events: reads': numberIn(reads),
    'events: writes': numberIn(writes),
    'events: removals by TTL': events,
    'results: reads': events * 2,
    'results: writes': events * 2,
    'kB published': published,
    'kB delivered, to fetchResults and to you': published + (events * eventBytes) / 1_000,
    requests: events * 2,
    'seconds of geminiCallback, one at a time': events * latencySeconds,
    'seconds of fetchResults, one at a time': events * jobSeconds,
  };
  const rows = numbersOf('Cost of 100,000 events', 3);
  const { sum, ...items } = rows;
  expect(Object.fromEntries(Object.entries(items).map(([item, [count]]) => [item, count]))).toEqual(counts);

  const dollars = Object.values(items).map(([count = 0, price = 0]) => rounded((count / 100_000) * price, 4));
  expect(Object.values(items).map(([, , cost]) => cost)).toEqual(dollars);
  expect(sum?.[2]).toBe(
    rounded(
      dollars.reduce((total, cost) => total + cost),
      4,
    ),
  );
});
