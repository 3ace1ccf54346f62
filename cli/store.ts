import { setTimeout as sleep } from 'node:timers/promises';
import type { Firestore } from '@google-cloud/firestore';
import { readSettings } from '../functions/config/environment.ts';
import { projectSettings } from '../functions/config/settings.ts';
import { connectFirestore } from '../functions/store/firestore.ts';
import type { Context } from './context.ts';
import { backendError, FIRESTORE, NoAnswerError } from './failures.ts';
import { STORE, type Variable } from './installation/variableGroups.ts';

/** The time within which Firestore has to answer; its client would retry for ten minutes. */
const ANSWER_MILLIS = 10_000;

/** The client's end waits for calls that were given up; the command does not. */
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
  work: (firestore: Firestore, variables: NodeJS.ProcessEnv) => Promise<T>,
  more: readonly Variable[] = [],
): Promise<T> {
  const variables = await context.settings(...STORE, ...more);
  const firestore = connectFirestore(readSettings(variables, projectSettings));
  try {
    return await work(firestore, variables);
  } catch (error) {
    throw backendError(FIRESTORE, error, variables);
  } finally {
    await Promise.race([firestore.terminate(), sleep(CLOSE_MILLIS)]);
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
