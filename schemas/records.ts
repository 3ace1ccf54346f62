import { z } from 'zod';
import { DELIVERY_STATES, SCHEMES } from '../functions/model/delivery.ts';
import { JOB_STATES } from '../functions/model/eventTypes.ts';
import { JOB_KINDS } from '../functions/model/jobName.ts';
import { RESULTS_STATES } from '../functions/model/progress.ts';
import { usage } from './messages.ts';

/**
 * The documents in Firestore as an exported JSON shows them: timestamps as RFC 3339 text, bytes as base64. The types
 * with which the functions read and write them are in `functions/store/documents`; a test holds the two together.
 */

const time = (description: string) => z.string().meta({ description, format: 'date-time' });
const count = (description: string) => z.int().nonnegative().describe(description);
const kind = z.enum(JOB_KINDS).describe("By the event type's first part.");

const lease = {
  leaseUntil: time("End of the owner's lease, by Firestore's clock.").optional(),
  leaseOwner: z.string().optional().describe('The instance that works on it.'),
};

const lastEvent = z.looseObject({
  webhookId: z.string().describe('Id of the delivery.'),
  type: z.string().describe('Event type.'),
  time: time('Time of the event.'),
});

const failure = z.looseObject({
  code: z.string().optional().describe('Stable code, for example `NOT_FOUND`.'),
  message: z.string().optional().describe('What is wrong, in English.'),
});

export const delivery = z
  .looseObject({
    webhookId: z.string().describe('`webhook-id`, the idempotency key; also the id of the document.'),
    scheme: z.enum(SCHEMES).describe('Scheme of the matching signature.'),
    state: z
      .enum(DELIVERY_STATES)
      .describe('`pending`: recorded and not yet on Pub/Sub. `quarantined`: kept for an operator.'),
    type: z.string().optional().describe('Event type.'),
    jobId: z.string().optional().describe('Canonical name of the job.'),
    jobKind: kind.optional(),
    route: z.string().optional().describe('Route of a dynamic delivery.'),
    event: z.looseObject({}).optional().describe('The event as it came.'),
    payload: z.unknown().optional().describe("The event's bytes, base64 in JSON: they are published."),
    eventJson: z.string().optional().describe('The same as text, where Firestore cannot hold it as a map.'),
    rawBody: z.unknown().optional().describe('The bytes of a body that is no event.'),
    bodySha256: z.string().describe('SHA-256 of the body as it came, in hex.').meta({ pattern: '^[0-9a-f]{64}$' }),
    claimsSha256: z
      .string()
      .optional()
      .describe('SHA-256 of the claims of a JWT, in hex, where a retry does not renew it.'),
    quarantineReason: z.string().optional().describe('Reason of the quarantine.'),
    eventTime: time('Time of the event.').optional(),
    firstReceivedAt: time('First delivery with this id.').optional(),
    lastReceivedAt: time('Latest delivery with this id.').optional(),
    publishedAt: time('Time at which Pub/Sub accepted the message.').optional(),
    ...lease,
    expireAt: time('Time after which Firestore deletes the record (TTL).'),
    attempts: count('Deliveries seen with this id.'),
    messageId: z.string().optional().describe("Pub/Sub's id of the message."),
    repeatOf: z.string().optional().describe('`webhook-id` that announced the same final state of the job before.'),
  })
  .meta({ title: 'Delivery', description: '`deliveries/{webhook-id}`: the idempotency record of one event.' });

const results = z
  .looseObject({
    state: z.enum(RESULTS_STATES).describe('Progress of fetchResults.'),
    event: z.string().optional().describe('Type of the event that announced the results.'),
    position: count('Where the next attempt reads: a byte of the output file, or the number of results.').optional(),
    order: z.unknown().optional().describe('Identifies inline responses, whose order can change, by 8 bytes each.'),
    total: count('Number of results.').optional(),
    published: count('Results on Pub/Sub.').optional(),
    failed: count('Of these, errors.').optional(),
    expected: count('Number of requests, where Gemini gives it.').optional(),
    missing: z.int().positive().optional().describe('`expected` − `total`, where positive.'),
    usage: usage.optional(),
    updatedAt: time('Latest change of the results.').optional(),
    lastError: z
      .looseObject({
        code: z.string().describe('Stable code.'),
        message: z.string().describe('What is wrong.'),
        at: time('Time of the attempt.'),
      })
      .optional()
      .describe('Why the latest attempt stopped, while it is not final.'),
    error: failure.optional().describe('Why the results failed for good.'),
    restarts: count('Restarts by `reconcileJobs` since a result was last published.').optional(),
    stalledSince: time('Time since which no result was published.').optional(),
    ...lease,
  })
  .describe('Progress of the results.');

const reconcile = z
  .looseObject({
    queries: count('Queries of Gemini that found no end.').optional(),
    nextAt: time('Earliest time of the next query.').optional(),
    unknown: z.boolean().optional().describe('True while Gemini does not know the job.'),
    ...lease,
  })
  .describe('State of `reconcileJobs` for a job without news.');

export const job = z
  .looseObject({
    jobId: z.string().describe('Canonical name; the document id is the name with `/` written as `~`.'),
    kind,
    state: z.enum(JOB_STATES).describe('State of the latest final event, or of the latest event while none is final.'),
    outputFileUri: z.string().optional().describe('As the event gave it.'),
    fileName: z.string().optional().describe('As the event gave it.'),
    error: failure.optional().describe('Reason of a failure.'),
    userMetadata: z.looseObject({}).optional().describe('User metadata, as Gemini echoes it or as submitted.'),
    lastEvent: lastEvent.optional().describe('The latest event by time.'),
    timeline: z.array(lastEvent).optional().describe('The latest 50 events, oldest first.'),
    ends: z
      .record(z.string(), lastEvent.pick({ webhookId: true, time: true }))
      .optional()
      .describe('Final states that were announced: the first delivery and the latest time of each.'),
    results: results.optional(),
    reconcile: reconcile.optional(),
    createdAt: time('Creation of the record.').optional(),
    updatedAt: time('Latest change by an event or the reconciler.').optional(),
    submittedAt: time('Submission by `submitJob` or the command line.').optional(),
    finishedAt: time('Time of the final event.').optional(),
    route: z.string().optional().describe('Route of the job’s dynamic webhook.'),
    submissionId: z.string().optional().describe('Id that went to Gemini with the job.'),
    root: z.string().optional().describe('First job of a chain of interactions.'),
  })
  .meta({ title: 'Job', description: '`jobs/{id}`: one per Gemini job, to be read in the console.' });

export const submission = z
  .looseObject({
    submissionId: z.string().describe('Id that goes to Gemini with the job, so that the job can be found again.'),
    fingerprint: z.string().describe('SHA-256 of the request, in hex.'),
    leaseOwner: z.string().optional().describe('The request that starts the job.'),
    leaseUntil: time("End of the owner's lease, by Firestore's clock."),
    startedAt: time('Time at which Gemini was called.').optional(),
    jobId: z.string().optional().describe('The job that was started.'),
    expireAt: time('Time after which the key is free and Firestore deletes the record (TTL).'),
  })
  .meta({ title: 'Submission', description: '`submissions/{id}`: the idempotency record of one `Idempotency-Key`.' });

/** File names under `schemas/records/`. */
export const RECORD_SCHEMAS = { delivery, job, submission } as const;
