import { expect, test } from 'vitest';
import { decide, type Delivery } from '../../functions/model/delivery.ts';
import { explore } from './explore.ts';
import { RULES } from './world.ts';

const BOUND = { copies: { same: 3, other: 0, late: 0 }, faults: 3 };
/** Each further copy multiplies the interleavings, so these two are explored with fewer of the others. */
const STRANGE = { copies: { same: 2, other: 1, late: 1 }, faults: 2 };

test('every interleaving of two instances, a reconciler, crashes and lost answers keeps the promises', async ({
  annotate,
}) => {
  const { states, counterexample } = explore(RULES, BOUND);
  expect(counterexample).toBeUndefined();
  await annotate(`${states} states`);
  expect(states).toBeGreaterThan(10_000);
}, 60_000);

test('another delivery with the same id and an old copy keep the promises too, whenever they arrive', async ({
  annotate,
}) => {
  const { states, counterexample } = explore(RULES, STRANGE);
  expect(counterexample).toBeUndefined();
  await annotate(`${states} states`);
  expect(states).toBeGreaterThan(10_000);
}, 60_000);

test('a protocol in which another delivery with the same id counts as a copy is found', () => {
  const blind = (...[stored, , ...rest]: Parameters<typeof decide>) =>
    decide(stored, { bodySha256: stored?.bodySha256 ?? '' } as Delivery, ...rest);
  const { counterexample } = explore({ ...RULES, decide: blind }, STRANGE);
  expect(counterexample).toMatchObject({ broken: expect.stringMatching(/two deliveries|without/) });
}, 60_000);

test('a protocol in which an old copy keeps the others from being recorded is found', () => {
  const stubborn = (...[stored, ...rest]: Parameters<typeof decide>) =>
    stored?.state === 'quarantined' ? 'done' : decide(stored, ...rest);
  const { counterexample } = explore({ ...RULES, decide: stubborn }, STRANGE);
  expect(counterexample).toMatchObject({ broken: 'it is never published' });
}, 60_000);

test.each([
  ['the message comes before the record', { recordsFirst: false }, 'a message without its record'],
  ['the settlement comes before the message', { publishesFirst: false }, 'marked as published'],
  ['a commit has no precondition', { isConditional: false }, 'messages, and 0 faults'],
  ['a lease by a wrong estimate of the time is not confirmed', { confirmsLease: false }, 'messages, and 0 faults'],
  ['a request can outlive its lease', { deadlineTicks: 3 }, 'messages, and 0 faults'],
  [
    'a delivery that is only recorded counts as done',
    { decide: (...[stored, ...rest]: Parameters<typeof decide>) => (stored ? 'done' : decide(stored, ...rest)) },
    '2xx without a record and a message',
  ],
] as const)(
  'a protocol in which %s is found',
  (_name, change, broken) => {
    const { counterexample } = explore({ ...RULES, ...change }, BOUND);
    expect(counterexample).toMatchObject({ broken: expect.stringContaining(broken) });
  },
  60_000,
);

test('the reconciler takes over from a killed owner where no copy does', () => {
  const patient = (...given: Parameters<typeof decide>) => {
    const decision = decide(...given);
    return decision === 'resume' ? 'wait' : decision;
  };
  expect(explore({ ...RULES, decide: patient }, { ...BOUND, faults: 1 }).counterexample).toBeUndefined();
});
