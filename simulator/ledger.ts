import { isoTime } from './clock.ts';
import type { Clock } from './clock.ts';

export type DeliveryState = 'waiting' | 'delivered' | 'given_up' | 'dropped' | 'cancelled';
export const ATTEMPT_FAULTS = ['duplicate', 'stale', 'unsigned', 'wrong_signature', 'lost_answer'] as const;
export type AttemptFault = (typeof ATTEMPT_FAULTS)[number];

/** How an endpoint took an attempt; `error` where it gave no answer in time. Latency is of the wall clock. */
export interface AttemptAnswer {
  readonly status?: number;
  readonly error?: string;
  readonly body: string;
  readonly latencyMillis: number;
}

export interface AttemptRecord {
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
  /** When the next attempt falls due, where one is still to come. */
  nextAttemptTime: string | undefined;
}

export interface EventRecord {
  readonly type: string;
  readonly jobName: string | undefined;
  readonly time: string;
  readonly body: string;
}

/** A request to the API and what it was answered. */
export interface RequestRecord {
  /** `webhooks.create`, `batches.get`, … */
  readonly method: string;
  readonly path: string;
  readonly time: string;
  /** `undefined` where the connection was cut instead. */
  readonly status: number | undefined;
}

export interface JobRecord {
  readonly name: string;
  readonly kind: string;
  readonly state: string;
  readonly time: string;
}

/** What has just been written; a delivery and an attempt are told again when they change. */
export type LedgerEntry =
  | { readonly what: 'job'; readonly job: JobRecord }
  | { readonly what: 'event'; readonly event: EventRecord }
  | { readonly what: 'delivery'; readonly delivery: DeliveryRecord }
  | { readonly what: 'attempt'; readonly delivery: DeliveryRecord; readonly attempt: AttemptRecord }
  | { readonly what: 'request'; readonly request: RequestRecord };

/** All that happened, in order, for tests and for eyes. */
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
    this.#tell({ what: 'job', job });
  }

  event(given: Omit<EventRecord, 'time'>): void {
    const event = { ...given, time: this.#time() };
    this.events.push(event);
    this.#tell({ what: 'event', event });
  }

  /** Told by `deliveryChanged`, once its first attempt is planned. */
  delivery(given: Omit<DeliveryRecord, 'time' | 'attempts' | 'nextAttemptTime'>): DeliveryRecord {
    const delivery: DeliveryRecord = { ...given, time: this.#time(), attempts: [], nextAttemptTime: undefined };
    this.deliveries.push(delivery);
    return delivery;
  }

  deliveryChanged(delivery: DeliveryRecord): void {
    this.#tell({ what: 'delivery', delivery });
  }

  attempt(delivery: DeliveryRecord, given: Pick<AttemptRecord, 'requestHeaders' | 'faults'>): AttemptRecord {
    const attempt: AttemptRecord = { number: delivery.attempts.length + 1, time: this.#time(), ...given };
    delivery.attempts.push(attempt);
    return attempt;
  }

  attemptAnswered(delivery: DeliveryRecord, attempt: AttemptRecord, answer: AttemptAnswer): void {
    attempt.answer = answer;
    this.#tell({ what: 'attempt', delivery, attempt });
  }

  request(given: Omit<RequestRecord, 'time'>): void {
    const request = { ...given, time: this.#time() };
    this.requests.push(request);
    this.#tell({ what: 'request', request });
  }

  #time(): string {
    return isoTime(this.#clock.now());
  }

  #tell(entry: LedgerEntry): void {
    for (const listener of this.#listeners) listener(entry);
  }
}
