import { defineConfig } from 'vitest/config';

/** Those that mostly wait, until what has failed is given up or has recovered: they would hold the others' places. */
const PATIENT = ['test/**/faults.test.ts', 'test/results/many.test.ts', 'test/callback/contract/rotation.test.ts'];

/** Those that load a function with all that two cores give. */
const ALONE = [
  'test/callback/faults-load.test.ts',
  'test/callback/simulator.test.ts',
  'test/simulator/page.test.ts',
  'test/prove/*.test.ts',
];

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } },
    projects: [
      {
        extends: true,
        test: { name: 'together', include: ['test/**/*.test.ts'], exclude: [...PATIENT, ...ALONE], maxWorkers: 2 },
      },
      {
        extends: true,
        test: { name: 'patient', include: PATIENT, maxWorkers: 3, sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: { name: 'alone', include: ALONE, maxWorkers: 1, sequence: { groupOrder: 2 } },
      },
    ],
  },
});
