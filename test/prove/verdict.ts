import { isDeepStrictEqual } from 'node:util';
import { isFinal, type JobState, stateOf } from '../../functions/model/eventTypes.ts';
import { jobDocumentId } from '../../functions/model/jobName.ts';
import type { DeliveryRecord } from '../../simulator/ledger.ts';
import type { ReceivedMessage } from '../../local/project.ts';
import { FORGED, linesOf, type Submitted } from './load.ts';
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

/** The emulator reads the machine's clock a moment before or after us. */
const CLOCK_MILLIS = 5;

/** Ids of events that the reconciler has found out. */
const OWN_IDS = /^(reconciled|overdue)_/;

/** Most repeats of a message, of all, that faults may cause. */
const MAX_DOUBLED = 0.01;

/** Looks at the records, the topics and the simulator's own ledger. */
export async function judge(
  world: World,
  submitted: Submitted,
  seen: { readonly left: readonly string[]; readonly unsettled: readonly string[] },
): Promise<Found> {
  const { project, simulator, fleets } = world;
  const events = await world.backends.messages(project, 'gemini-events');
  const results = await world.backends.messages(project, 'gemini-results');
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
    // What is told again on purpose says so.
    if (message.attributes['replay'] !== undefined) continue;
    first.set(id, message);
    earliest.set(id, Math.min(earliest.get(id) ?? Infinity, message.publishedMillis));
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
      { invariant: 'everything settles', broken: seen.unsettled, broke: seen.unsettled.length, checked: 1 },
      verdict('no 2xx before a durable record and an accepted message', accepted, ({ webhookId }) => {
        const publishedMillis = earliest.get(webhookId) ?? Infinity;
        const isEarly = (fleets.callback.acceptedAt.get(webhookId) ?? Infinity) < publishedMillis - CLOCK_MILLIS;
        return deliveries.get(webhookId)?.['state'] !== 'published' || isEarly ? webhookId : undefined;
      }),
      verdict('every genuine event is on the topic at least once, byte for byte', genuine, (delivery) =>
        isOf(delivery, first.get(delivery.webhookId)?.data.toString()) ? undefined : delivery.webhookId,
      ),
      verdict('each event has one delivery record, and its job one job record with it', genuine, (one) => {
        const { webhookId, jobName = '' } = one;
        const record = deliveries.get(webhookId);
        if (record === undefined || record['type'] !== one.eventType) return webhookId;
        return jobName !== '' && !jobs.has(jobDocumentId(jobName)) ? webhookId : undefined;
      }),
      verdict('each further message has a crash or a lost answer of its own that explains it', doubled, (id) => {
        const further = (times.get(id) ?? 0) - 1;
        const disturbed = fleets.callback.disturbed.get(id) ?? 0;
        // Whoever was disturbed may have been relieved by a reconciler, which is killed too.
        const explained = disturbed > 0 && fleets.reconcile.kills > 0 ? disturbed + 1 : disturbed;
        return OWN_IDS.test(id) || further <= explained ? undefined : id;
      }),
      verdict('second messages are below 1 %', [doubled.length], (count) =>
        count > times.size * MAX_DOUBLED ? `${count} of ${times.size}` : undefined,
      ),
      verdict('a final state is never left', [...jobs.keys()], (id) =>
        seen.left.find((change) => change.startsWith(`${id}:`)),
      ),
      verdict('a job has the state of its latest end, whatever came when', [...endsOf(genuine)], ([name, states]) => {
        const state = jobs.get(jobDocumentId(name))?.['state'] as JobState;
        return states.has(state) ? undefined : `${name} is ${state}, not ${[...states].join(' or ')}`;
      }),
      verdict(
        'no attempt that is forged, unsigned or old is accepted',
        attemptsToRefuse(bodies.values()),
        (attempt) => {
          const status = attempt.answer?.status;
          return status === undefined || status >= 400 ? undefined : `${attempt.webhookId}: ${status}`;
        },
      ),
      verdict(
        'nothing is written for a request that fails verification',
        [...deliveries.keys(), ...times.keys()],
        (id) => (id.startsWith(FORGED) || !(bodies.has(id) || OWN_IDS.test(id)) ? id : undefined),
      ),
      verdict('no job is started twice, and every caller is told the same one', [...submitted], ([job, told]) => {
        const ids = new Set(told.map(({ submissionId }) => submissionId));
        const started = simulator
          .jobs()
          .filter(({ webhookConfig }) => ids.has(String(webhookConfig?.userMetadata?.['submission_id'])));
        const isOne = new Set(told.map(({ jobId }) => jobId)).size === 1 && started.length === 1;
        return isOne ? undefined : `job ${job}: ${started.length} started`;
      }),
      verdict('every result index arrives', [...submitted], ([job, [receipt]]) => {
        const lines = linesOf(job);
        const missing = lines - (indexes.get(receipt?.jobId ?? '')?.size ?? 0);
        return missing === 0 ? undefined : `${receipt?.jobId}: ${missing} missing`;
      }),
    ],
  };
}

/** What a token says of itself, beside the event. */
const OF_THE_TOKEN: ReadonlySet<string> = new Set(['iss', 'aud', 'iat', 'exp', 'jti']);

/** Whether it was published as it was sent; of a token, as what it claims. */
function isOf({ webhook, body }: DeliveryRecord, data: string | undefined): boolean {
  if (data === undefined || data === body) return data === body;
  if (webhook !== undefined) return false;
  const claims = Object.entries(JSON.parse(data) as object).filter(([name]) => !OF_THE_TOKEN.has(name));
  return isDeepStrictEqual(Object.fromEntries(claims), JSON.parse(body));
}

function verdict<T>(invariant: string, all: readonly T[], broken: (one: T) => string | undefined): Verdict {
  const found = all.flatMap((one) => broken(one) ?? []);
  return { invariant, broken: found.slice(0, 5), broke: found.length, checked: all.length };
}

/** The states of each job's latest final events: of several at the same moment any may decide. */
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
