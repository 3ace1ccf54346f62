import { expect, test } from 'vitest';
import { decide, type Delivery } from '../../functions/model/delivery.ts';
import { explore } from './explore.ts';
import { RULES } from './world.ts';

const BOUND = { copies: { same: 3, other: 0, late: 0 }, faults: 3 };
/** Each more that may come multiplies the ways; what these two do shows with fewer of the others. */
const STRANGE = { copies: { same: 2, other: 1, late: 1 }, faults: 2 };

test('every interleaving of two instances, a reconciler, crashes and lost answers keeps the promises', async ({
  annotate,
}) => {
  const { states, counterexample } = explore(RULES, BOUND);
  expect(counterexample).toBeUndefined();
  await annotate(`${states} states`);
  expect(states).toBeGreaterThan(10_000);
}, 60_000);

test('nor does another delivery under the same id, or an old copy, whenever they come', async ({ annotate }) => {
  const { states, counterexample } = explore(RULES, STRANGE);
  expect(counterexample).toBeUndefined();
  await annotate(`${states} states`);
  expect(states).toBeGreaterThan(10_000);
}, 60_000);

test('it would be found if another delivery under the same id counted as a copy', () => {
  const blind = (...[stored, , ...rest]: Parameters<typeof decide>) =>
    decide(stored, { bodySha256: stored?.bodySha256 ?? '' } as Delivery, ...rest);
  const { counterexample } = explore({ ...RULES, decide: blind }, STRANGE);
  expect(counterexample).toMatchObject({ broken: expect.stringMatching(/two deliveries|without/) });
}, 60_000);

test('it would be found if an old copy kept the others from being recorded', () => {
  const stubborn = (...[stored, ...rest]: Parameters<typeof decide>) =>
    stored?.state === 'quarantined' ? 'done' : decide(stored, ...rest);
  const { counterexample } = explore({ ...RULES, decide: stubborn }, STRANGE);
  expect(counterexample).toMatchObject({ broken: 'it never comes to an end' });
}, 60_000);

test.each([
  ['the message came before the record', { recordsFirst: false }, 'a message without its record'],
  ['the mark came before the message', { publishesFirst: false }, 'marked as published'],
  ['commits succeeded after concurrent writes', { isConditional: false }, 'messages, and 0 faults'],
  ['a request could outlive its lease', { deadlineTicks: 3 }, 'messages, and 0 faults'],
  [
    'a delivery that is only recorded counted as done',
    { decide: (...[stored, ...rest]: Parameters<typeof decide>) => (stored ? 'done' : decide(stored, ...rest)) },
    '2xx without a record and a message',
  ],
] as const)(
  'it would be found if %s',
  (_name, change, broken) => {
    const { counterexample } = explore({ ...RULES, ...change }, BOUND);
    expect(counterexample).toMatchObject({ broken: expect.stringContaining(broken) });
  },
  60_000,
);

test('the reconciler takes over from an owner that crashed, where no copy does', () => {
  const patient = (...given: Parameters<typeof decide>) => {
    const decision = decide(...given);
    return decision === 'resume' ? 'wait' : decision;
  };
  expect(explore({ ...RULES, decide: patient }, { ...BOUND, faults: 1 }).counterexample).toBeUndefined();
});
