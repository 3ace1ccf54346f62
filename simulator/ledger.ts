import { isoTime } from './clock.ts';
import type { Clock } from './clock.ts';

type DeliveryState = 'waiting' | 'delivered' | 'given_up' | 'dropped' | 'cancelled';
export const ATTEMPT_FAULTS = ['duplicate', 'stale', 'unsigned', 'wrong_signature', 'lost_answer'] as const;
export type AttemptFault = (typeof ATTEMPT_FAULTS)[number];

/** An endpoint's answer to an attempt, or the `error` instead. Latency is by the wall clock. */
export interface AttemptAnswer {
  readonly status?: number;
  readonly error?: string;
  readonly body: string;
  readonly latencyMillis: number;
}

interface AttemptRecord {
  /** From 1 in the order in which they started. */
  readonly number: number;
  readonly time: string;
  readonly requestHeaders: Readonly<Record<string, string>>;
  readonly faults: readonly AttemptFault[];
  /** Missing while the endpoint has not answered. */
  answer?: AttemptAnswer;
}

export interface DeliveryRecord {
  /** The `webhook-id` header. */
  readonly webhookId: string;
  readonly eventType: string;
  readonly jobName: string | undefined;
  readonly kind: 'static' | 'dynamic';
  /** The registered webhook of a static delivery. */
  readonly webhook: string | undefined;
  readonly uri: string;
  readonly body: string;
  readonly time: string;
  readonly attempts: AttemptRecord[];
  state: DeliveryState;
  /** Due time of the next attempt, if one is scheduled. */
  nextAttemptTime: string | undefined;
}

interface EventRecord {
  readonly type: string;
  readonly jobName: string | undefined;
  readonly time: string;
  readonly body: string;
}

/** A request to the API and the status of its answer. */
interface RequestRecord {
  /** `webhooks.create`, `batches.get`, … */
  readonly method: string;
  readonly path: string;
  readonly time: string;
  /** `undefined` where the connection was cut instead. */
  readonly status: number | undefined;
}

interface JobRecord {
  readonly name: string;
  readonly kind: string;
  readonly state: string;
  readonly time: string;
}

/** A new entry, or a delivery or attempt that changed. */
export type LedgerEntry =
  | { readonly what: 'job'; readonly job: JobRecord }
  | { readonly what: 'event'; readonly event: EventRecord }
  | { readonly what: 'delivery'; readonly delivery: DeliveryRecord }
  | { readonly what: 'attempt'; readonly delivery: DeliveryRecord; readonly attempt: AttemptRecord }
  | { readonly what: 'request'; readonly request: RequestRecord };

/** The record of jobs, events, deliveries and requests, in order. */
export class Ledger {
  readonly jobs: JobRecord[] = [];
  readonly events: EventRecord[] = [];
  readonly deliveries: DeliveryRecord[] = [];
  readonly requests: RequestRecord[] = [];
  readonly #clock: Clock;
  readonly #listeners = new Set<(entry: LedgerEntry) => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls the listener for each new entry until the returned function is called. */
  subscribe(listener: (entry: LedgerEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** All attempts with their deliveries, delivery by delivery. */
  attempts(): AttemptRecord[] {
    return this.deliveries.flatMap(({ attempts }) => attempts);
  }

  job(change: Omit<JobRecord, 'time'>): void {
    const job = { ...change, time: this.#time() };
    this.jobs.push(job);
    this.#notify({ what: 'job', job });
  }

  event(given: Omit<EventRecord, 'time'>): void {
    const event = { ...given, time: this.#time() };
    this.events.push(event);
    this.#notify({ what: 'event', event });
  }

  /** Adds a delivery. `deliveryChanged` announces it once its first attempt is scheduled. */
  delivery(given: Omit<DeliveryRecord, 'time' | 'attempts' | 'nextAttemptTime'>): DeliveryRecord {
    const delivery: DeliveryRecord = { ...given, time: this.#time(), attempts: [], nextAttemptTime: undefined };
    this.deliveries.push(delivery);
    return delivery;
  }

  deliveryChanged(delivery: DeliveryRecord): void {
    this.#notify({ what: 'delivery', delivery });
  }

  attempt(delivery: DeliveryRecord, given: Pick<AttemptRecord, 'requestHeaders' | 'faults'>): AttemptRecord {
    const attempt: AttemptRecord = { number: delivery.attempts.length + 1, time: this.#time(), ...given };
    delivery.attempts.push(attempt);
    return attempt;
  }

  attemptAnswered(delivery: DeliveryRecord, attempt: AttemptRecord, answer: AttemptAnswer): void {
    attempt.answer = answer;
    this.#notify({ what: 'attempt', delivery, attempt });
  }

  request(given: Omit<RequestRecord, 'time'>): void {
    const request = { ...given, time: this.#time() };
    this.requests.push(request);
    this.#notify({ what: 'request', request });
  }

  #time(): string {
    return isoTime(this.#clock.now());
  }

  #notify(entry: LedgerEntry): void {
    for (const listener of this.#listeners) listener(entry);
  }
}
