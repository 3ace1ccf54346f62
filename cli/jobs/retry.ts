import type { Firestore } from '@google-cloud/firestore';
import { readSettings } from '../../functions/config/environment.ts';
import { projectSettings } from '../../functions/config/settings.ts';
import { STALLED_MINUTES } from '../../functions/model/progress.ts';
import { Publisher } from '../../functions/messaging/publisher.ts';
import { retryResults, type RetryStatus } from '../../functions/results/operatorRetry.ts';
import { Deadline } from '../../functions/runtime/deadline.ts';
import type { Database } from '../../functions/store/database.ts';
import { Deliveries } from '../../functions/store/deliveries.ts';
import { RetriableResults } from '../../functions/store/resultsRetry.ts';
import type { Context } from '../context.ts';
import { CliError, reasonOf, usageError } from '../errors.ts';
import { MESSAGING } from '../installation/variableGroups.ts';
import { withStore } from '../store.ts';
import { table, type Terminal } from '../terminal.ts';
import { requireJob } from './records.ts';

const JOB_MILLIS = 20_000;
const LIST_MILLIS = 60_000;

/** Only `recall` is used, which does not write: the time to live has no effect. */
const DELIVERIES = { ttlDays: 30, receives: false };

interface RetriedJob {
  readonly jobId: string;
  readonly status: RetryStatus | 'error';
  readonly message?: string;
}

const MESSAGES: Readonly<Record<RetryStatus, string>> = {
  started: 'fetchResults reads the results again',
  job_not_found: 'there is no record of the job',
  no_results: 'no event has announced results of this job',
  complete: 'all results have been published',
  in_progress: 'an instance is reading the results',
  delivery_expired: 'the delivery that announced the results is not recorded any more',
  delivery_unpublished: 'the delivery that announced the results has not been published; see "deliveries list"',
};

/**
 * Fetches results again: of one job, or of all whose results have failed or stalled.
 *
 * @throws {CliError} `NOT_RETRIED` where some were not started.
 */
export async function retryCommand(
  id: string | undefined,
  { failed }: { failed?: true },
  context: Context,
): Promise<void> {
  if ((id === undefined) === (failed === undefined))
    throw usageError('Name one job, or add --failed for all whose results have failed.');
  await withStore(
    context,
    async (firestore, variables) => {
      const names = id === undefined ? await failedJobs(firestore) : [await jobName(firestore, id)];
      if (names.length > 0)
        await context.confirm(`fetch the results of ${names.length === 1 ? names[0] : `${names.length} jobs`} again`);
      report(await retryAll(names, firestore, variables, context.terminal), context.terminal);
    },
    MESSAGING,
  );
}

async function failedJobs(firestore: Firestore): Promise<readonly string[]> {
  const now = new Date();
  const stalledBefore = new Date(now.getTime() - STALLED_MINUTES * 60_000);
  const names = new Set<string>();
  const listed = new RetriableResults(firestore).list(stalledBefore, now, Deadline.inMillis(LIST_MILLIS));
  for await (const name of listed) names.add(name);
  return [...names];
}

async function jobName(firestore: Firestore, id: string): Promise<string> {
  return (await requireJob(firestore, id)).record.jobId;
}

/** One job after the other; a failure does not stop the rest. */
async function retryAll(
  names: readonly string[],
  firestore: Database,
  variables: NodeJS.ProcessEnv,
  terminal: Terminal,
): Promise<readonly RetriedJob[]> {
  const publisher = new Publisher(readSettings(variables, projectSettings));
  const results = new RetriableResults(firestore);
  const dependencies = { results, deliveries: new Deliveries(firestore, DELIVERIES), publisher };
  const retried: RetriedJob[] = [];
  for (const [number, jobId] of names.entries()) {
    if (number > 0 && number % 100 === 0) terminal.note(`${number} of ${names.length} jobs`);
    try {
      const status = await retryResults(jobId, dependencies, Deadline.inMillis(JOB_MILLIS));
      retried.push({ jobId, status, message: MESSAGES[status] });
    } catch (error) {
      retried.push({ jobId, status: 'error', message: reasonOf(error) });
    }
  }
  return retried;
}

function report(retried: readonly RetriedJob[], terminal: Terminal): void {
  const rows = retried.map(({ jobId, status, message }) => [jobId, status, message]);
  terminal.result({ jobs: retried }, () =>
    rows.length === 0 ? 'No results have failed or stalled.' : table(['ID', 'STATUS', 'MEANING'], rows),
  );
  const unstarted = retried.filter(({ status }) => status !== 'started');
  if (unstarted.length === 0) return;
  const message = `The results of ${unstarted.length} of ${retried.length} jobs were not started again.`;
  throw new CliError('NOT_RETRIED', message);
}
