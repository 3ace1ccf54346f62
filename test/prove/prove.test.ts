import { expect, test } from 'vitest';
import { prove } from './prove.ts';

test('with every fault at once, what must hold holds', async ({ annotate }) => {
  const proof = await prove('short', { deliveries: 600, jobs: 8, without: /submitJob/ }, 600, () => {});
  await annotate(
    `${proof.attempts} attempts, ${proof.kills} kills, ${proof.doubled} doubled in ${Math.round(proof.seconds)} s`,
  );
  expect(proof.verdicts.filter(({ broke }) => broke > 0)).toEqual([]);
  expect(proof.kills).toBeGreaterThan(0);
}, 170_000);
