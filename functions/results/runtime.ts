import { setImmediate as nextTurn } from 'node:timers/promises';
import { geminiByKey } from '../gemini/client.ts';
import { Publisher } from '../messaging/publisher.ts';
import type { EventHandler } from '../http/push.ts';
import { Log } from '../observability/log.ts';
import { stopping } from '../http/shutdown.ts';
import { Database } from '../store/database.ts';
import { JobResults } from '../store/results.ts';
import { Bucket } from './publishing/bucket.ts';
import type { ResultsConfig } from './config.ts';
import { fetchResults } from './pipeline.ts';

/** Connects fetchResults and returns its handler. */
export function connectResults(config: ResultsConfig): EventHandler {
  const { projectId, bucket, budgetMillis } = config;
  const log = new Log(projectId);
  const gemini = geminiByKey(config.gemini, log);
  const store = new JobResults(new Database(config));
  const publisher = new Publisher(config);
  const dependencies = {
    bucket: bucket === undefined ? undefined : Bucket.open(bucket, projectId),
    store,
    publisher,
    log,
    budgetMillis,
    stopping,
  };
  void connectEarly(store, publisher);
  return async (message) => {
    await fetchResults(message, { ...dependencies, ...(await gemini()) });
  };
}

/**
 * Connects before the first event; Pub/Sub is set up while the connection to Firestore opens. A failure appears at the first
 * event, whose calls connect again.
 */
async function connectEarly(store: JobResults, publisher: Publisher<'results'>): Promise<void> {
  const connecting = store.connect().catch(() => {});
  await nextTurn();
  await Promise.all([connecting, publisher.connect().catch(() => {})]);
}
