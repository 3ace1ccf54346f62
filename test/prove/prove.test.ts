import { expect, test } from 'vitest';
import { prove } from './prove.ts';

test('with every fault at once, what must hold holds', async ({ annotate }) => {
  const proof = await prove('short', { deliveries: 550, jobs: 6, isShort: true }, 400, () => {});
  await annotate(
    `${proof.attempts} attempts, ${proof.kills} kills, ${proof.doubled} doubled in ${Math.round(proof.seconds)} s`,
  );
  // So many faults for so few deliveries say nothing of a rate; the long run does.
  const broken = proof.verdicts.filter(({ broke, invariant }) => broke > 0 && !invariant.includes('below'));
  expect(broken).toEqual([]);
  expect(proof.kills).toBeGreaterThan(0);
}, 170_000);
