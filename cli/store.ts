import { setTimeout as sleep } from 'node:timers/promises';
import { readSettings } from '../functions/config/environment.ts';
import { projectSettings } from '../functions/config/settings.ts';
import { Database } from '../functions/store/database.ts';
import type { Context } from './context.ts';
import { CliError } from './errors.ts';
import { backendError, FIRESTORE, NoAnswerError } from './failureReport.ts';
import { STORE, type InstallationVariable } from './installation/variableGroups.ts';

/** The time within which Firestore has to answer; its client would retry for ten minutes. */
const ANSWER_MILLIS = 10_000;

/** The longest wait for the client's end. */
const CLOSE_MILLIS = 500;

/**
 * Runs `work` with the installation's Firestore, and closes it.
 *
 * @param more variables that the command needs besides.
 * @throws {ConfigError} where a variable cannot be used.
 * @throws {CliError} `STORE_…`, with what to do about it.
 */
export async function withStore<T>(
  context: Context,
  work: (firestore: Database, variables: NodeJS.ProcessEnv) => Promise<T>,
  more: readonly InstallationVariable[] = [],
): Promise<T> {
  const variables = await context.settings(...STORE, ...more);
  const firestore = new Database(readSettings(variables, projectSettings));
  let isAnswering = true;
  try {
    return await work(firestore, variables);
  } catch (error) {
    isAnswering = error instanceof CliError;
    throw backendError(FIRESTORE, error, variables);
  } finally {
    // Calls that were given up would fail when the client ends, and be reported in place of the error.
    if (isAnswering) await Promise.race([firestore.terminate(), sleep(CLOSE_MILLIS)]);
  }
}

/** Waits for a first answer, at most {@link ANSWER_MILLIS}. */
export async function withinAnswerTime<T>(answer: Promise<T>): Promise<T> {
  const timer = new AbortController();
  const over = sleep(ANSWER_MILLIS, undefined, timer).then(() => {
    throw new NoAnswerError();
  });
  try {
    return await Promise.race([answer, over]);
  } finally {
    timer.abort();
  }
}
