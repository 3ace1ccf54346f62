import type { Firestore, Query } from '@google-cloud/firestore';
import { JOB_STATES, type JobState } from '../../functions/model/eventTypes.ts';
import { STALLED_MINUTES } from '../../functions/model/progress.ts';
import type { TokenUsage } from '../../functions/model/tokenUsage.ts';
import { NEWEST, newestOf, olderThan } from '../../functions/store/queries.ts';
import { listDeliveries, type ShownDelivery } from '../deliveries/records.ts';
import { withinAnswerTime } from '../store.ts';

/** The part of the status that Firestore holds. */
export interface StoreStatus {
  readonly lastDelivery: Pick<ShownDelivery, 'webhookId' | 'type' | 'jobId' | 'state' | 'firstReceivedAt'> | undefined;
  readonly deliveries: {
    readonly pending: number;
    /** Pending for longer than a publisher and the reconciler take. */
    readonly stuck: number;
    readonly quarantined: number;
  };
  readonly jobs: Readonly<Record<JobState, number>>;
  readonly results: {
    /** Not complete, and without a change for {@link STALLED_MINUTES}. */
    readonly stalled: number;
    readonly failed: number;
  };
  readonly tokens: {
    readonly total: number;
    readonly input: number;
    readonly output: number;
    /** The number of jobs that they are summed over. */
    readonly jobs: number;
  };
}

/** A delivery is published within seconds, or by the reconciler's next run. */
const STUCK_MILLIS = 10 * 60_000;

/** The number of the latest records that tokens are summed over. */
const TOKEN_JOBS = 200;

/** Reads Firestore's part by counts and bounded queries, so that its time does not grow with the records. */
export async function readStore(firestore: Firestore, since: Date, now: Date): Promise<StoreStatus> {
  const pending = newestOf(firestore, NEWEST.deliveries, { state: 'pending' });
  const quarantined = newestOf(firestore, NEWEST.deliveries, { state: 'quarantined' }, since);
  const open = newestOf(firestore, NEWEST.results, { 'results.state': ['pending', 'running'] });
  const failed = newestOf(firestore, NEWEST.results, { 'results.state': 'failed' }, since);
  const before = (millis: number) => new Date(now.getTime() - millis);
  const [last, ...counts] = await Promise.all([
    listDeliveries(firestore, {}, { limit: 1 }),
    countOf(pending),
    countOf(olderThan(pending, NEWEST.deliveries, before(STUCK_MILLIS))),
    countOf(quarantined),
    countOf(olderThan(open, NEWEST.results, before(STALLED_MINUTES * 60_000))),
    countOf(failed),
  ]);
  const [pendings, stuck, quarantines, stalled, failures] = counts;
  const [jobs, tokens] = await Promise.all([countJobs(firestore), sumTokens(firestore, since)]);
  return {
    lastDelivery: last.items[0],
    deliveries: { pending: pendings, stuck, quarantined: quarantines },
    jobs,
    results: { stalled, failed: failures },
    tokens,
  };
}

async function countOf(query: Query): Promise<number> {
  return (await withinAnswerTime(query.count().get())).data().count;
}

async function countJobs(firestore: Firestore): Promise<Record<JobState, number>> {
  const counts = await Promise.all(
    JOB_STATES.map(async (state) => [state, await countOf(newestOf(firestore, NEWEST.jobs, { state }))] as const),
  );
  return Object.fromEntries(counts) as Record<JobState, number>;
}

async function sumTokens(firestore: Firestore, since: Date): Promise<StoreStatus['tokens']> {
  const query = newestOf(firestore, NEWEST.results, { 'results.state': 'complete' }, since);
  const { docs } = await withinAnswerTime(query.select('results.usage').limit(TOKEN_JOBS).get());
  const usages = docs.flatMap((document) => {
    const usage = document.get('results.usage') as TokenUsage | undefined;
    return usage === undefined ? [] : [usage];
  });
  const sum = (read: (usage: TokenUsage) => number) => usages.reduce((total, usage) => total + read(usage), 0);
  return {
    total: sum(({ totalTokens }) => totalTokens),
    input: sum(({ inputTokens }) => inputTokens),
    output: sum(({ outputTokens }) => outputTokens),
    jobs: usages.length,
  };
}
