import type { GoogleGenAI } from '@google/genai';
import type { Gemini } from '../gemini/client.ts';
import { GeminiError, toGeminiError } from '../gemini/errors.ts';
import { Exchange } from '../gemini/exchange.ts';
import { isJsonObject, type JsonObject, textOf } from '../model/json.ts';
import type { SubmissionClaim } from '../store/submissions.ts';
import { inlineRequestsOf } from './batchRequest.ts';
import { toWireRequest } from './inlineRequest.ts';
import type { Submission } from './submission.ts';

/** The time for Gemini to confirm a start; afterwards it is unknown whether the job was started. */
const START_MILLIS = 25_000;

/** The time to search the list of batches. */
const FIND_MILLIS = 10_000;

/** A job is started within 30 s of its recorded attempt, and listed within another 30 s. */
export const LISTED_WITHIN_MILLIS = 60_000;

const PAGE_SIZE = 100;

export interface Order {
  readonly submission: Submission;
  readonly claim: SubmissionClaim;
  /** The callback URL of the caller's route. */
  readonly url: string;
  /** The first job of the chain, where this one continues an interaction (docs/gemini-wire.md 9.4). */
  readonly root?: string | undefined;
}

/** The outcome of a start: the job's name, or the failure and whether the job may have started. */
type Start = { readonly jobId: string } | { readonly failure: GeminiError; readonly mayHaveStarted: boolean };

/** Starts jobs at Gemini. A request is never repeated, because each started job costs money. */
export class Starter {
  readonly #gemini: Pick<Gemini, 'ai' | 'watched'>;

  constructor(gemini: Pick<Gemini, 'ai' | 'watched'>) {
    this.#gemini = gemini;
  }

  async start(order: Order): Promise<Start> {
    const exchange = new Exchange();
    const ai = this.#gemini.watched(exchange);
    try {
      const jobId = order.submission.kind === 'batch' ? await startBatch(ai, order) : await startInteraction(ai, order);
      return { jobId };
    } catch (error) {
      const failure = exchange.toError(error);
      return { failure, mayHaveStarted: exchange.isSent && !isCertainRefusal(failure) };
    }
  }

  /**
   * Finds a job whose start was not confirmed, by the submission's id in its display name. Searches the whole list,
   * because its order is not documented.
   *
   * @returns `undefined` where the job was not started; `'unknown'` where the list cannot tell (yet): interactions are
   *   not listed.
   * @throws {GeminiError}
   */
  async find({ submission, claim }: Order, askedMillisAgo: number): Promise<string | undefined> {
    if (submission.kind !== 'batch') return 'unknown';
    const abortSignal = AbortSignal.timeout(FIND_MILLIS);
    try {
      const pager = await this.#gemini.ai.batches.list({ config: { pageSize: PAGE_SIZE, abortSignal } });
      for await (const job of pager) {
        const { name, displayName } = job as JsonObject;
        if (!textOf(displayName).includes(claim.submissionId)) continue;
        return typeof name === 'string' ? name : 'unknown';
      }
    } catch (error) {
      throw toGeminiError(error);
    }
    return askedMillisAgo > LISTED_WITHIN_MILLIS ? undefined : 'unknown';
  }
}

/**
 * Returns `true` for an answer after which no job runs: a refusal, or Gemini's own report of an overload. Any other
 * failure, a proxy's 503 or a time-out can follow the start.
 */
function isCertainRefusal({ httpStatus = 0, status }: GeminiError): boolean {
  if (httpStatus === 503) return status === 'UNAVAILABLE';
  return httpStatus >= 400 && httpStatus < 500 && httpStatus !== 408;
}

async function startBatch(ai: GoogleGenAI, order: Order): Promise<string> {
  const { submission, claim, url } = order;
  const { request, displayName } = submission;
  const inline = inlineRequestsOf(request);
  const job = await ai.batches.create({
    model: request['model'] as string,
    src: inline ? [{ contents: 'replaced by extraBody' }] : (request['src'] as string),
    config: {
      displayName: [displayName, `(${claim.submissionId})`].filter(Boolean).join(' '),
      webhookConfig: { uris: [url], userMetadata: userMetadataOf(order) },
      httpOptions: { timeout: START_MILLIS, ...(inline ? { extraBody: bodyOf(inline) } : {}) },
    },
  });
  return requireName(job.name);
}

/** Passes the requests around the SDK's converters, which drop the fields that they do not know. */
function bodyOf(inline: readonly JsonObject[]): Record<string, unknown> {
  return { batch: { inputConfig: { requests: { requests: inline.map(toWireRequest) } } } };
}

async function startInteraction(ai: GoogleGenAI, order: Order): Promise<string> {
  const { submission, claim, url } = order;
  const { request } = submission;
  const labels = isJsonObject(request['labels']) ? request['labels'] : {};
  const parameters = {
    ...request,
    background: true,
    labels: { ...labels, submission_id: claim.submissionId },
    webhook_config: { uris: [url], user_metadata: userMetadataOf(order) },
  } as unknown as Parameters<GoogleGenAI['interactions']['create']>[0];
  const interaction: JsonObject = (await ai.interactions.create(parameters, {
    maxRetries: 0,
    timeout: START_MILLIS,
  })) as unknown as JsonObject;
  return `interactions/${requireName(interaction['id'])}`;
}

/** Returns the metadata that every event and message of the job carries: the caller's, and the ids of submitJob. */
export function userMetadataOf({ submission, claim, root }: Order): Record<string, unknown> {
  return { ...submission.metadata, submission_id: claim.submissionId, ...(root === undefined ? {} : { root }) };
}

function requireName(name: unknown): string {
  if (typeof name === 'string' && name !== '') return name;
  throw new GeminiError('The response of Gemini has no name of the job.');
}
