import { defineConfig } from 'vitest/config';

/** The backends are started once for all tiers that need them; there, messages and records are held to their schemas. */
const withBackends = { globalSetup: ['test/support/global-setup.ts'], setupFiles: ['test/support/setup.ts'] };

/** One project for each tier, which is a folder of `test/`; tiers of one `groupOrder` run at the same time. */
export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ['default', './test/support/skippedReporter.ts'],
    expect: { poll: { timeout: 10_000 } },
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.test.ts'], maxWorkers: 2 } },
      {
        extends: true,
        test: {
          name: 'contract',
          include: ['test/{contract,protocol}/**/*.test.ts'],
          ...withBackends,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      // These mostly wait for a deadline or a recovery.
      {
        extends: true,
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          ...withBackends,
          maxWorkers: 3,
          sequence: { groupOrder: 2 },
        },
      },
      // These load a function with all that two cores give, or measure time.
      {
        extends: true,
        test: {
          name: 'load',
          include: ['test/{attacks,load,prove}/**/*.test.ts'],
          ...withBackends,
          maxWorkers: 1,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
