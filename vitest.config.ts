import { defineConfig } from 'vitest/config';

/** Those that measure how long a recovery takes, or load a function with all that two cores give. */
const ALONE = [
  'test/**/faults*.test.ts',
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
        test: { name: 'together', include: ['test/**/*.test.ts'], exclude: ALONE, maxWorkers: 2 },
      },
      {
        extends: true,
        test: { name: 'alone', include: ALONE, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
