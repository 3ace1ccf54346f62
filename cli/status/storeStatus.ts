import type { JobState } from '../../functions/model/eventTypes.ts';
import type { ShownDelivery } from '../deliveries/records.ts';

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
    /** Not complete, and without a change for an hour. */
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
