import type { Reporter, TestModule } from 'vitest/node';
import { hasEmulators, hasGcloud, hasPython } from './requirements.ts';
import { hasBrowser } from '../../tools/browser.ts';

const WANTED = [
  { isThere: hasEmulators, install: "Java 21 and the Google Cloud SDK's Firestore and Pub/Sub emulators" },
  { isThere: hasGcloud, install: 'the Google Cloud SDK (https://cloud.google.com/sdk/docs/install)' },
  { isThere: hasPython, install: 'Python 3' },
  { isThere: hasBrowser, install: 'Chromium (CHROMIUM_PATH)' },
];

/** Ends a run with the number of skipped tests and what to install. With `CI` set, a skipped test fails the run. */
export default class SkippedReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')]).length;
    if (skipped === 0) return;
    const missing = WANTED.flatMap(({ isThere, install }) => (isThere ? [] : [install]));
    const advice = missing.length === 0 ? '' : ` Install ${missing.join(', ')} to run them.`;
    console.log(`${skipped} ${skipped === 1 ? 'test was' : 'tests were'} skipped.${advice}`);
    if (process.env['CI']) process.exitCode = 1;
  }
}
