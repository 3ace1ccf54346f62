import { isDeepStrictEqual } from 'node:util';
import { isFinal, type JobState, stateOf } from '../../functions/model/eventTypes.ts';
import { jobDocumentId } from '../../functions/model/jobName.ts';
import type { DeliveryRecord } from '../../simulator/ledger.ts';
import type { ReceivedMessage } from '../../local/project.ts';
import { FORGED, linesOf, type Submitted } from './load.ts';
import { PUSHED } from './pubsubBackend.ts';
import type { World } from './world.ts';

/** A guarantee, and the cases that were checked. */
export interface Verdict {
  readonly guarantee: string;
  /** The first cases that break it. */
  readonly broken: readonly string[];
  readonly broke: number;
  readonly checked: number;
  /** The reason why the run decides nothing about it: the machine was too busy. */
  readonly undecided?: string;
}

/** True where a run has shown that the guarantee holds. */
export function holds({ broke, undecided }: Verdict): boolean {
  return broke === 0 && undecided === undefined;
}

export interface Found {
  readonly verdicts: readonly Verdict[];
  readonly events: number;
  readonly results: number;
  readonly doubled: number;
}

/** The emulator and this process read the machine's clock at different moments. */
const CLOCK_MILLIS = 5;

/** Ids of events that the reconciler recovered. */
const OWN_IDS = /^(reconciled|overdue)_/;

/** The highest share of events with a second message. */
const MAX_DOUBLED = 0.01;

/** Observations during the run. */
interface Observed {
  /** Jobs that left a final state. */
  readonly reverted: readonly string[];
  /** Reasons why the run did not settle. */
  readonly unsettled: readonly string[];
  /** The machine's load, where it explains that the run did not settle, or a higher rate of second messages. */
  readonly tooBusy: string | undefined;
}

/** Checks the guarantees against the records, the topics and the simulator's ledger. */
export async function judge(world: World, { receipts }: Submitted, seen: Observed): Promise<Found> {
  const { project, simulator, fleets } = world;
  const events = await world.backends.pubsub.messages(project, PUSHED);
  const results = await world.backends.pubsub.messages(project, 'gemini-results');
  const deliveries = new Map(
    (await project.firestore.collection('deliveries').get()).docs.map((one) => [one.id, one.data()]),
  );
  const jobs = new Map((await project.firestore.collection('jobs').get()).docs.map((one) => [one.id, one.data()]));

  const bodies = new Map(simulator.ledger.deliveries.map((delivery) => [delivery.webhookId, delivery]));
  const genuine = [...bodies.values()].filter(({ state }) => state === 'delivered');
  const first = new Map<string, ReceivedMessage>();
  const earliest = new Map<string, number>();
  const times = new Map<string, number>();
  for (const message of events) {
    const id = message.attributes['webhook_id'] ?? '';
    // Replays are repeats on purpose.
    if (message.attributes['replay'] !== undefined) continue;
    first.set(id, message);
    earliest.set(id, Math.min(earliest.get(id) ?? Infinity, message.publishedMillis));
    times.set(id, (times.get(id) ?? 0) + 1);
  }
  const doubled = [...times].filter(([, count]) => count > 1).map(([id]) => id);
  const accepted = genuine.filter(({ attempts }) => attempts.some(({ answer }) => answer?.status === 200));
  const indexes = indexesOf(results);
  // On a busy machine, a broken guarantee about time or rates decides nothing.
  const timed = (one: Verdict): Verdict =>
    one.broke > 0 && seen.tooBusy !== undefined ? { ...one, undecided: seen.tooBusy } : one;
  const settling = (one: Verdict): Verdict => (seen.unsettled.length > 0 ? timed(one) : one);
  const settled = { broken: seen.unsettled, broke: seen.unsettled.length, checked: 1 };

  return {
    events: events.length,
    results: results.length,
    doubled: doubled.length,
    verdicts: [
      timed({ guarantee: 'everything settles in the time that the settings give', ...settled }),
      verdict('a 2xx follows a durable record and an accepted message', accepted, ({ webhookId }) => {
        const publishedMillis = earliest.get(webhookId) ?? Infinity;
        const isEarly = (fleets.callback.acceptedAt.get(webhookId) ?? Infinity) < publishedMillis - CLOCK_MILLIS;
        return deliveries.get(webhookId)?.['state'] !== 'published' || isEarly ? webhookId : undefined;
      }),
      verdict('every genuine event is published at least once, byte for byte', genuine, (delivery) =>
        isOf(delivery, first.get(delivery.webhookId)?.data.toString()) ? undefined : delivery.webhookId,
      ),
      verdict('each event has one delivery record, and its job one job record', genuine, (one) => {
        const { webhookId, jobName = '' } = one;
        const record = deliveries.get(webhookId);
        if (record === undefined || record['type'] !== one.eventType) return webhookId;
        return jobName !== '' && !jobs.has(jobDocumentId(jobName)) ? webhookId : undefined;
      }),
      verdict('each repeated message is explained by a crash or a lost answer', doubled, (id) => {
        const further = (times.get(id) ?? 0) - 1;
        const disturbed = fleets.callback.disturbed.get(id) ?? 0;
        // The reconciler may have taken over, and is killed too.
        const explained = disturbed > 0 && fleets.reconcile.kills > 0 ? disturbed + 1 : disturbed;
        return OWN_IDS.test(id) || further <= explained ? undefined : id;
      }),
      timed(
        verdict('fewer than 1 % of the events have a second message', [doubled.length], (count) =>
          count > times.size * MAX_DOUBLED ? `${count} of ${times.size}` : undefined,
        ),
      ),
      verdict('final states never revert', [...jobs.keys()], (id) =>
        seen.reverted.find((change) => change.startsWith(`${id}:`)),
      ),
      verdict(
        'a job has the state of its latest final event, in any order of arrival',
        [...endsOf(genuine)],
        ([name, states]) => {
          const state = jobs.get(jobDocumentId(name))?.['state'] as JobState;
          return states.has(state) ? undefined : `${name} is ${state}, not ${[...states].join(' or ')}`;
        },
      ),
      verdict('forged, unsigned and stale attempts are refused', attemptsToRefuse(bodies.values()), (attempt) => {
        const status = attempt.answer?.status;
        return status === undefined || status >= 400 ? undefined : `${attempt.webhookId}: ${status}`;
      }),
      verdict('a request that fails verification writes nothing', [...deliveries.keys(), ...times.keys()], (id) =>
        id.startsWith(FORGED) || !(bodies.has(id) || OWN_IDS.test(id)) ? id : undefined,
      ),
      verdict('each submission starts one job, and every answer names it', [...receipts], ([job, answers]) => {
        const ids = new Set(answers.map(({ submissionId }) => submissionId));
        const started = simulator
          .jobs()
          .filter(({ webhookConfig }) => ids.has(String(webhookConfig?.userMetadata?.['submission_id'])));
        const isOne = new Set(answers.map(({ jobId }) => jobId)).size === 1 && started.length === 1;
        return isOne ? undefined : `job ${job}: ${started.length} started`;
      }),
      settling(
        verdict('every result index is published', [...receipts], ([job, [receipt]]) => {
          const lines = linesOf(job);
          const missing = lines - (indexes.get(receipt?.jobId ?? '')?.size ?? 0);
          return missing === 0 ? undefined : `${receipt?.jobId}: ${missing} missing`;
        }),
      ),
    ],
  };
}

/** Claims about the token itself. */
const OF_THE_TOKEN: ReadonlySet<string> = new Set(['iss', 'aud', 'iat', 'exp', 'jti']);

/** Returns true where a delivery was published byte for byte, or with the claims of its token. */
function isOf({ webhook, body }: DeliveryRecord, data: string | undefined): boolean {
  if (data === undefined || data === body) return data === body;
  if (webhook !== undefined) return false;
  const claims = Object.entries(JSON.parse(data) as object).filter(([name]) => !OF_THE_TOKEN.has(name));
  return isDeepStrictEqual(Object.fromEntries(claims), JSON.parse(body));
}

function verdict<T>(guarantee: string, all: readonly T[], broken: (one: T) => string | undefined): Verdict {
  const found = all.flatMap((one) => broken(one) ?? []);
  return { guarantee, broken: found.slice(0, 5), broke: found.length, checked: all.length };
}

/** Returns the states of each job's latest final events. Of several at the same moment any may decide. */
function endsOf(genuine: readonly DeliveryRecord[]): ReadonlyMap<string, ReadonlySet<JobState>> {
  const latest = new Map<string, number>();
  const ends = new Map<string, Set<JobState>>();
  for (const { jobName = '', eventType, body } of genuine) {
    const state = stateOf(eventType);
    if (jobName === '' || !isFinal(state)) continue;
    const time = Date.parse((JSON.parse(body) as { timestamp: string }).timestamp);
    const known = latest.get(jobName) ?? -Infinity;
    if (time > known) ends.set(jobName, new Set());
    if (time >= known) ends.get(jobName)?.add(state);
    latest.set(jobName, Math.max(time, known));
  }
  return ends;
}

const TO_REFUSE: ReadonlySet<string> = new Set(['unsigned', 'wrong_signature', 'stale']);

function attemptsToRefuse(deliveries: Iterable<DeliveryRecord>) {
  return [...deliveries].flatMap(({ webhookId, attempts }) =>
    attempts
      .filter(({ faults }) => faults.some((fault) => TO_REFUSE.has(fault)))
      .map(({ answer }) => ({ webhookId, answer })),
  );
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
