import { describe, expect, test } from 'vitest';
import { decide, type Delivery } from '../../functions/model/delivery.ts';
import { explore } from './explore.ts';
import { RULES, type Rules } from './world.ts';

const BOUND = { copies: { same: 3, other: 0, late: 0 }, faults: 3 };
/** Each further copy multiplies the interleavings, so these two are explored with fewer of the others. */
const STRANGE = { copies: { same: 2, other: 1, late: 1 }, faults: 2 };

describe('every interleaving of two instances, a reconciler, crashes and lost answers keeps the promises', () => {
  test.each([
    ['with copies of one delivery', BOUND],
    ['with another delivery under the same id and a copy with an old signature', STRANGE],
  ])('%s', { timeout: 60_000 }, async (_name, bound) => {
    const { states, counterexample } = explore(RULES, bound);
    expect(counterexample).toBeUndefined();
    expect(states).toBeGreaterThan(200_000);
  });
});

type Decide = Rules['decide'];

/** Takes another delivery with the same id for a copy. */
const blind: Decide = (stored, _delivery, ...rest) =>
  decide(stored, { bodySha256: stored?.bodySha256 ?? '' } as Delivery, ...rest);
/** Defers to a copy with an old signature. */
const stubborn: Decide = (stored, ...rest) => (stored?.state === 'quarantined' ? 'done' : decide(stored, ...rest));
/** Takes a delivery that is only recorded for done. */
const hasty: Decide = (stored, ...rest) => (stored ? 'done' : decide(stored, ...rest));
/** Leaves a delivery whose lease has expired to the reconciler. */
const patient: Decide = (...given) => {
  const decision = decide(...given);
  return decision === 'resume' ? 'wait' : decision;
};

test.each([
  ['the message comes before the record', BOUND, { recordsFirst: false }, /^a message without its record/],
  ['the settlement comes before the message', BOUND, { publishesFirst: false }, /^marked as published/],
  ['a commit has no precondition', BOUND, { isConditional: false }, /messages, and 0 faults/],
  [
    'a lease by a wrong estimate of the time is not confirmed',
    BOUND,
    { confirmsLease: false },
    /messages, and 0 faults/,
  ],
  ['a request can outlive its lease', BOUND, { deadlineTicks: 3 }, /messages, and 0 faults/],
  ['a delivery that is only recorded is done', BOUND, { decide: hasty }, /^2xx without a record and a message/],
  ['another delivery with the same id is a copy', STRANGE, { decide: blind }, /two deliveries|without/],
  [
    'a copy with an old signature keeps others from being recorded',
    STRANGE,
    { decide: stubborn },
    /^it is never published/,
  ],
] as const)('a protocol in which %s is found', { timeout: 60_000 }, (_name, bound, change, broken) => {
  expect(explore({ ...RULES, ...change }, bound).counterexample).toMatchObject({
    broken: expect.stringMatching(broken),
  });
});

test('the reconciler takes over from a killed owner where no copy does', () => {
  const { counterexample } = explore({ ...RULES, decide: patient }, { ...BOUND, faults: 1 });
  expect(counterexample).toBeUndefined();
});
