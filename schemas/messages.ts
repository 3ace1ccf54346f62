import { z } from 'zod';

/**
 * The messages on the three topics. This file is their one source: the JSON Schemas, the AsyncAPI document and
 * `docs/messages.md` are generated from it (`npm run generate`), and consumers' types are inferred from it.
 */

const jobId = z.string().describe('Canonical name of the job, for example `batches/abc`.');

/** Counts are never negative. */
const count = (description: string) => z.int().nonnegative().describe(description);

/** The reason of a failure, for programs and for people. */
const failure = z
  .looseObject({
    code: z.string().describe('Stable code, for example `NOT_FOUND`.'),
    message: z.string().describe('What is wrong, in English.'),
  })
  .describe('The reason of the failure.');

/** Tokens summed over the results that name them. */
export const usage = z
  .looseObject({
    inputTokens: count('Tokens of the prompts.').optional(),
    outputTokens: count('Tokens of the answers.').optional(),
    thoughtTokens: count('Tokens of the thoughts.').optional(),
    cachedTokens: count('Tokens of the prompts that were served from a cache.').optional(),
    totalTokens: count('All tokens.').optional(),
    results: count('Number of results that named their tokens.'),
  })
  .describe('Tokens summed over the results that name them.');

/** The data of `gemini-events`: the event byte for byte as Gemini sent it, so only `type` is certain. */
export const event = z
  .looseObject({
    type: z.string().describe('Event type, for example `batch.succeeded`. Unknown types are published as well.'),
    version: z.unknown().optional().describe('Version of the envelope, `v1`.'),
    timestamp: z.unknown().optional().describe('Time of the event, ISO 8601.'),
    data: z
      .unknown()
      .optional()
      .describe('Pointers by event type: `id`, `output_file_uri`, `file_name`, `error_code`, `error_message`.'),
  })
  .meta({ title: 'Event', description: 'Data of a message on `gemini-events`: the event as Gemini sent it.' });

const jobResult = z
  .looseObject({
    jobId,
    index: count('Position of the result in the output, from 0.'),
    key: z.unknown().optional().describe("The request's own key, as it was submitted; usually a string."),
    response: z.unknown().optional().describe("Gemini's response, byte for byte."),
    error: z.unknown().optional().describe('Instead of `response`: the reason, usually `{code, message}`.'),
    uri: z.string().optional().describe('Instead of `response`: address in Cloud Storage or at Gemini.'),
    bytes: count('Size of the object at `uri`.').optional(),
    mimeType: z.string().optional().describe('Media type of the object at `uri`.'),
  })
  .meta({
    title: 'Result',
    description: 'One result of a job: a line of output, an inline response, an interaction, a video.',
  });

const actionRequired = z
  .looseObject({
    jobId,
    calls: z
      .array(
        z.looseObject({
          id: z.string().optional().describe('Id to answer with, as `call_id`.'),
          name: z.string().optional().describe('Name of the function.'),
          arguments: z.unknown().optional().describe('Arguments of the call, usually an object.'),
        }),
      )
      .describe('Function calls that wait for a result, in order.'),
    text: z.string().optional().describe('All text of the interaction so far, a line for each `model_output` step.'),
  })
  .meta({ title: 'Action required', description: 'An interaction waits for the results of function calls.' });

const resultsCompleted = z
  .looseObject({
    jobId,
    total: count('Number of results that were published.'),
    ok: count('Results with a response.'),
    error: count('Results with an error.'),
    expected: count('Number of requests, where Gemini gives it.').optional(),
    missing: z.int().positive().optional().describe('`expected` − `total`, where positive.'),
    usage: usage.optional(),
  })
  .meta({ title: 'Results completed', description: 'All results of a job have been published.' });

const resultsFailed = z.looseObject({ jobId, error: failure }).meta({
  title: 'Results failed',
  description: 'The job has nothing to read: its output is missing, foreign or blocked.',
});

const cloudEvent = {
  'ce-specversion': z.literal('1.0').describe('CloudEvents version.'),
  'ce-id': z.string().min(1).describe('Unique id of the message; consumers drop repeats by it.'),
  'ce-type': z.string().min(1).describe('Type of the message.'),
  'ce-source': z.string().min(1).describe('`//generativelanguage.googleapis.com/<job name>`.'),
  'ce-time': z.string().describe('Time of the event, RFC 3339.').meta({ format: 'date-time' }),
  'content-type': z.literal('application/json').describe('Media type of the data.'),
};

const shared = {
  webhook_id: z.string().optional().describe('`webhook-id` of the delivery.'),
  event_type: z.string().optional().describe("The event's type, plain, on `gemini-events`."),
  job_id: z.string().optional().describe('Canonical name of the job, where the event names one.'),
  job_kind: z.enum(['batch', 'interaction', 'video', 'unknown']).optional().describe('Kind of the job.'),
  route: z.string().optional().describe('Route of a dynamic delivery.'),
  repeat_of: z.string().optional().describe('`webhook-id` that announced the same final state of the job before.'),
  replay: z.string().optional().describe('Marks a message that an operator published again.'),
  result_index: z.string().regex(/^\d+$/).optional().describe('`index` of a result.'),
  result_key: z.string().optional().describe('`key` of a result, as text.'),
  result_status: z.enum(['ok', 'error']).optional().describe('Outcome of a result.'),
  'ce-traceparent': z.string().optional().describe('W3C trace context of the delivery.'),
};

/** `meta_<key>` carries the job's user metadata. */
const publishedAttributes = z.object({ ...cloudEvent, ...shared }).catchall(z.string());

const deadLetterAttributes = z
  .object({
    reason: z.string().min(1).describe('Why the message could not be handled, for example `NOT_AN_EVENT`.'),
    webhook_id: shared.webhook_id,
    job_id: shared.job_id,
  })
  .catchall(z.string());

/** Attributes are strings; those of a dead letter are `reason` and what is known. */
const attributes = z.union([publishedAttributes, deadLetterAttributes]).meta({
  title: 'Attributes',
  description:
    'Attributes of any message: CloudEvents in binary mode with plain attributes beside them, `meta_<key>` for user metadata; on `gemini-dead-letter`, `reason`.',
});

/** Schema of the data by `ce-type`; every other type is an event. */
export const RESULT_MESSAGES = {
  'job.result': jobResult,
  'job.action_required': actionRequired,
  'job.results.completed': resultsCompleted,
  'job.results.failed': resultsFailed,
} as const;

/** File names under `schemas/messages/`. */
export const MESSAGE_SCHEMAS = { event, ...RESULT_MESSAGES, attributes } as const;
