import { defineConfig } from 'vitest/config';

/** The backends are started once for all tiers that need them; there, messages and records are held to their schemas. */
const withBackends = { globalSetup: ['test/support/global-setup.ts'], setupFiles: ['test/support/setup.ts'] };

/** A tier of tests whose files run `maxWorkers` at a time; tiers of one `groupOrder` run at the same time. */
const tier = (name: string, groupOrder: number, maxWorkers: number, folders = name) => ({
  extends: true as const,
  test: {
    name,
    include: [`test/${folders}/**/*.test.ts`],
    ...(name !== 'unit' && withBackends),
    maxWorkers,
    // The proof points the client libraries of its process at backends of its own.
    isolate: name === 'load',
    // Most faults wait for a clock, each with processes of its own.
    ...(name === 'faults' && { maxConcurrency: 4, testTimeout: 60_000 }),
    sequence: { groupOrder },
  },
});

/** Two cores serve more workers than two: most files wait half of their time, for a process, a deadline or a recovery. */
const WORKERS = 5;

export default defineConfig({
  test: {
    // A worker that loads its modules anew for each file takes half of the unit tests' processor time.
    isolate: false,
    // Otherwise Google's clients search for the metadata server of Google Cloud.
    env: { METADATA_SERVER_DETECTION: 'none' },
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ['default', './test/support/skippedReporter.ts'],
    coverage: { include: ['functions/**'], reportOnFailure: true },
    expect: { poll: { timeout: 10_000 } },
    projects: [
      tier('unit', 0, 4),
      tier('faults', 1, WORKERS),
      tier('contract', 1, WORKERS, '{contract,protocol,attacks}'),
      // These load a function with all that two cores give, or measure time.
      tier('load', 2, 1, '{load,prove}'),
    ],
  },
});
