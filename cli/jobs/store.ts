import { setTimeout as sleep } from 'node:timers/promises';
import type { Firestore } from '@google-cloud/firestore';
import { ConfigError, Environment } from '../../functions/config/environment.ts';
import { ServiceError } from '../../functions/runtime/serviceError.ts';
import { projectSettings } from '../../functions/config/settings.ts';
import { connectFirestore } from '../../functions/store/firestore.ts';
import { CliError, reasonOf } from '../errors.ts';

/** How long Firestore may take to answer; its client would go on trying for ten minutes. */
const ANSWER_MILLIS = 10_000;

/** A client waits with its end for calls that were given up; nobody else does. */
const CLOSE_MILLIS = 500;

/** gRPC status codes: https://grpc.io/docs/guides/status-codes/. */
const DEADLINE_EXCEEDED = 4;
const NOT_FOUND = 5;
const PERMISSION_DENIED = 7;
const FAILED_PRECONDITION = 9;
const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;

const ADVICE: Readonly<Record<number, string>> = {
  [NOT_FOUND]: 'Check GOOGLE_CLOUD_PROJECT and FIRESTORE_DATABASE.',
  [PERMISSION_DENIED]: 'Check GOOGLE_CLOUD_PROJECT, and that you may read its Firestore (roles/datastore.viewer).',
  [FAILED_PRECONDITION]: 'Its indexes come with "firebase deploy --only firestore:indexes".',
  [UNAUTHENTICATED]: 'Sign in with "gcloud auth application-default login".',
};

class NoAnswer extends Error {}

/**
 * Lets `work` use the Firestore of the environment, and closes it.
 *
 * @throws {ConfigError} where the environment is not complete.
 * @throws {CliError} `STORE_…`, with what to do about it.
 */
export async function withStore<T>(
  variables: NodeJS.ProcessEnv,
  work: (firestore: Firestore) => Promise<T>,
): Promise<T> {
  const environment = new Environment(variables);
  const settings = projectSettings(environment);
  environment.requireValid();
  const firestore = connectFirestore(settings);
  try {
    return await work(firestore);
  } catch (error) {
    throw storeError(error, variables);
  } finally {
    await Promise.race([firestore.terminate(), sleep(CLOSE_MILLIS)]);
  }
}

/** Waits for a first answer, and no longer than {@link ANSWER_MILLIS}. */
export async function answered<T>(answer: Promise<T>): Promise<T> {
  const timer = new AbortController();
  const over = sleep(ANSWER_MILLIS, undefined, timer).then(() => {
    throw new NoAnswer();
  });
  try {
    return await Promise.race([answer, over]);
  } finally {
    timer.abort();
  }
}

/** What a failure of Firestore's is to the command line; any other stays what it is. */
export function storeError(error: unknown, { FIRESTORE_EMULATOR_HOST: emulator }: NodeJS.ProcessEnv): Error {
  if (error instanceof CliError || error instanceof ConfigError) return error;
  if (error instanceof ServiceError && error.reason !== 'STORE_UNAVAILABLE')
    return new CliError(error.reason, error.message, { cause: error });
  const reason = error instanceof ServiceError ? (error.cause ?? new NoAnswer()) : error;
  const code = reason instanceof Error && 'code' in reason ? Number(reason.code) : Number.NaN;
  if (!(reason instanceof NoAnswer || code === UNAVAILABLE || code === DEADLINE_EXCEEDED)) {
    return new CliError('STORE_FAILED', `Firestore: ${reasonOf(reason)} ${ADVICE[code] ?? ''}`.trim(), {
      cause: error,
    });
  }
  const advice = emulator
    ? `Check that its emulator runs at FIRESTORE_EMULATOR_HOST=${emulator}.`
    : 'Check the network, GOOGLE_CLOUD_PROJECT and FIRESTORE_DATABASE.';
  return new CliError('STORE_UNAVAILABLE', `Firestore does not answer. ${advice}`, { cause: error });
}
