import { expect, test } from 'vitest';
import { settleMillis } from './bounds.ts';
import { prove } from './prove.ts';
import { holds } from './verdict.ts';

const LOAD_MILLIS = 120_000;

test(
  'the guarantees hold while all kinds of faults happen at once',
  async ({ annotate }) => {
    const proof = await prove({
      seed: 'short',
      size: { deliveries: 550, jobs: 6, isShort: true },
      pauseMillis: 400,
    });
    const { attempts, kills, doubled, seconds, load } = proof;
    await annotate(`${attempts} attempts, ${kills} kills, ${doubled} doubled in ${Math.round(seconds)} s; ${load}`);
    // So many faults for so few deliveries say nothing about a rate.
    const broken = proof.verdicts.filter((verdict) => !holds(verdict) && !verdict.guarantee.includes('1 %'));
    expect(broken).toEqual([]);
    expect(kills).toBeGreaterThan(0);
  },
  2 * LOAD_MILLIS + settleMillis(LOAD_MILLIS),
);
