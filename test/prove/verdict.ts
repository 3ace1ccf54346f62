import { isFinal, stateOf } from '../../functions/model/job.ts';
import { jobDocumentId } from '../../functions/model/jobName.ts';
import type { ReceivedMessage } from '../support/project.ts';
import type { Receipt, Size } from './load.ts';
import type { World } from './world.ts';

/** What must hold whatever happens, and whether it did. */
export interface Verdict {
  readonly invariant: string;
  /** Those that break it, a few of them; none where it holds. */
  readonly broken: readonly string[];
  readonly broke: number;
  /** How many were looked at. */
  readonly checked: number;
}

export interface Found {
  readonly verdicts: readonly Verdict[];
  readonly events: number;
  readonly results: number;
  readonly doubled: number;
}

/** Most repeats of a message, of all, that faults may cause. */
const MAX_DOUBLED = 0.01;

/** Looks at the records, the topics and the simulator's own ledger. */
export async function judge(
  world: World,
  size: Size,
  answers: ReadonlyMap<string, readonly Receipt[]>,
): Promise<Found> {
  const { project, simulator, fleets } = world;
  const [events, results] = [await drain(world, 'gemini-events'), await drain(world, 'gemini-results')];
  const deliveries = new Map(
    (await project.firestore.collection('deliveries').get()).docs.map((one) => [one.id, one.data()]),
  );
  const jobs = new Map((await project.firestore.collection('jobs').get()).docs.map((one) => [one.id, one.data()]));

  const bodies = new Map(simulator.ledger.deliveries.map((delivery) => [delivery.webhookId, delivery]));
  const genuine = [...bodies.values()].filter(({ state }) => state === 'delivered');
  const first = new Map<string, ReceivedMessage>();
  const times = new Map<string, number>();
  for (const message of events) {
    const id = message.attributes['webhook_id'] ?? '';
    // What is told again on purpose says so.
    if (message.attributes['replay'] !== undefined) continue;
    first.set(id, message);
    times.set(id, (times.get(id) ?? 0) + 1);
  }
  const doubled = [...times].filter(([, count]) => count > 1).map(([id]) => id);
  const accepted = genuine.filter(({ attempts }) => attempts.some(({ answer }) => answer?.status === 200));
  const indexes = indexesOf(results);

  return {
    events: events.length,
    results: results.length,
    doubled: doubled.length,
    verdicts: [
      verdict('no 2xx without a durable record and an accepted message', accepted, ({ webhookId }) =>
        deliveries.get(webhookId)?.['state'] !== 'published' || !first.has(webhookId) ? webhookId : undefined,
      ),
      verdict('every genuine event is on the topic at least once, byte for byte', genuine, ({ webhookId, body }) =>
        first.get(webhookId)?.data.toString() === body ? undefined : webhookId,
      ),
      verdict('each event has one delivery record, and its job one job record with it', genuine, (one) => {
        const { webhookId, jobName = '' } = one;
        const record = deliveries.get(webhookId);
        if (record === undefined || record['type'] !== one.eventType) return webhookId;
        return jobName !== '' && !jobs.has(jobDocumentId(jobName)) ? webhookId : undefined;
      }),
      verdict('a second message only where a crash or a lost answer explains it', doubled, (id) =>
        fleets.callback.disturbed.has(id) || id.startsWith('reconciled_') ? undefined : id,
      ),
      verdict('second messages are below 1 %', [doubled.length], (count) =>
        count > times.size * MAX_DOUBLED ? `${count} of ${times.size}` : undefined,
      ),
      verdict('a final state is never left', [...jobs], ([id, { state, timeline }]) => {
        const ends = (timeline as readonly { type: string }[])
          .map(({ type }) => stateOf(type))
          .filter((end) => end && isFinal(end));
        return ends.length > 0 && !ends.includes(state as (typeof ends)[number])
          ? `${id} is ${String(state)}`
          : undefined;
      }),
      verdict('nothing is written for a request that fails verification', [...deliveries.keys()], (id) =>
        bodies.has(id) || id.startsWith('reconciled_') ? undefined : id,
      ),
      verdict('no job is started twice, and every caller is told the same one', [...answers], ([key, told]) => {
        const ids = new Set(told.map(({ submissionId }) => submissionId));
        const started = simulator
          .jobs()
          .filter(({ webhookConfig }) => ids.has(String(webhookConfig?.userMetadata?.['submission_id'])));
        const isOne = new Set(told.map(({ jobId }) => jobId)).size === 1 && started.length === 1;
        return isOne ? undefined : `${key}: ${started.length} started`;
      }),
      verdict('every result index arrives', [...answers.values()], ([receipt]) => {
        const missing = size.resultsPerJob - (indexes.get(receipt?.jobId ?? '')?.size ?? 0);
        return missing === 0 ? undefined : `${receipt?.jobId}: ${missing} missing`;
      }),
    ],
  };
}

function verdict<T>(invariant: string, all: readonly T[], broken: (one: T) => string | undefined): Verdict {
  const found = all.flatMap((one) => broken(one) ?? []);
  return { invariant, broken: found.slice(0, 5), broke: found.length, checked: all.length };
}

async function drain(
  { project }: World,
  topic: 'gemini-events' | 'gemini-results',
): Promise<readonly ReceivedMessage[]> {
  const all: ReceivedMessage[] = [];
  for (;;) {
    const more = await project.messages(topic);
    if (more.length === 0) return all;
    all.push(...more);
  }
}

function indexesOf(results: readonly ReceivedMessage[]): ReadonlyMap<string, ReadonlySet<string>> {
  const indexes = new Map<string, Set<string>>();
  for (const { attributes } of results) {
    const { job_id: job = '', result_index: index } = attributes;
    if (index === undefined) continue;
    const known = indexes.get(job) ?? new Set();
    indexes.set(job, known.add(index));
  }
  return indexes;
}
