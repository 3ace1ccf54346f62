import { expect, test } from 'vitest';
import { decide } from '../../functions/model/delivery.ts';
import { explore } from './explore.ts';
import { RULES } from './world.ts';

const BOUND = { copies: 3, faults: 3 };

test('every interleaving of two instances, a reconciler, crashes and lost answers keeps the promises', async ({
  annotate,
}) => {
  const { states, counterexample } = explore(RULES, BOUND);
  expect(counterexample).toBeUndefined();
  await annotate(`${states} states`);
  expect(states).toBeGreaterThan(10_000);
}, 60_000);

test.each([
  ['the mark came before the message', { publishesFirst: false }, 'marked as published'],
  ['a commit held whatever has been written meanwhile', { isConditional: false }, 'messages, and 0 faults'],
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

test('where no copy takes over from an owner that is gone, the reconciler does', () => {
  const patient = (...given: Parameters<typeof decide>) => {
    const decision = decide(...given);
    return decision === 'resume' ? 'wait' : decision;
  };
  expect(explore({ ...RULES, decide: patient }, { copies: 2, faults: 1 }).counterexample).toBeUndefined();
});
