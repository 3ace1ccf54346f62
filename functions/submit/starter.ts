import type { GoogleGenAI } from '@google/genai';
import type { Gemini } from '../gemini/client.ts';
import { GeminiError, toGeminiError } from '../gemini/errors.ts';
import { Exchange } from '../gemini/exchange.ts';
import { isJsonObject, type JsonObject } from '../model/json.ts';
import type { SubmissionClaim } from '../store/submissions.ts';
import type { Submission } from './submission.ts';

/** Gemini is given so long to say that it has started a job; then it is not known whether it has. */
const START_MILLIS = 25_000;

/** The list is looked through in this time, or it cannot be said whether a job is in it. */
const FIND_MILLIS = 10_000;

/** A job is started within 30 s of the record that Gemini is asked, or never; then it is in the list within 30 s. */
export const LISTED_WITHIN_MILLIS = 60_000;

const PAGE_SIZE = 100;

export interface Order {
  readonly submission: Submission;
  readonly claim: SubmissionClaim;
  /** The callback's URL on the caller's route. */
  readonly url: string;
  /** The first job of the chain, where this one goes on with an interaction (G 9.4). */
  readonly root?: string | undefined;
}

/** What became of a start: the job's name, or why there is none, as far as that is certain. */
export type Start = { readonly jobId: string } | { readonly failure: GeminiError; readonly mayHaveStarted: boolean };

/** Starts jobs at Gemini, each by one request that is never repeated: a job is paid for. */
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
      return { failure, mayHaveStarted: exchange.isSent && !saysNo(failure) };
    }
  }

  /**
   * Looks for a job that was started although nobody heard the answer, by the submission's id in its name. The order of
   * the list is not promised, so that all of it is looked through.
   *
   * @returns `undefined` where there is none; `'unknown'` where that cannot be said (yet): interactions are not listed.
   * @throws {GeminiError}
   */
  async find({ submission, claim }: Order, askedMillisAgo: number): Promise<string | undefined> {
    if (submission.kind !== 'batch') return 'unknown';
    const abortSignal = AbortSignal.timeout(FIND_MILLIS);
    try {
      const pager = await this.#gemini.ai.batches.list({ config: { pageSize: PAGE_SIZE, abortSignal } });
      for await (const { name, displayName } of pager) {
        if (displayName?.includes(claim.submissionId)) return name;
      }
    } catch (error) {
      throw toGeminiError(error);
    }
    return askedMillisAgo > LISTED_WITHIN_MILLIS ? undefined : 'unknown';
  }
}

/**
 * An answer that says that nothing was started: a refusal, or Gemini's own word that it is overloaded. Another failure,
 * a proxy's 503 or a time-out can come after the start.
 */
function saysNo({ httpStatus = 0, status }: GeminiError): boolean {
  if (httpStatus === 503) return status === 'UNAVAILABLE';
  return httpStatus >= 400 && httpStatus < 500 && httpStatus !== 408;
}

async function startBatch(ai: GoogleGenAI, order: Order): Promise<string> {
  const { submission, claim, url } = order;
  const { request, displayName } = submission;
  const job = await ai.batches.create({
    model: request['model'] as string,
    src: request['src'] as string,
    config: {
      displayName: [displayName, `(${claim.submissionId})`].filter(Boolean).join(' '),
      webhookConfig: { uris: [url], userMetadata: userMetadataOf(order) },
      httpOptions: { timeout: START_MILLIS },
    },
  });
  return requireName(job.name);
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

/** The caller's metadata and ours, which come back with every event and in every message. */
export function userMetadataOf({ submission, claim, root }: Order): Record<string, unknown> {
  return { ...submission.metadata, submission_id: claim.submissionId, ...(root === undefined ? {} : { root }) };
}

function requireName(name: unknown): string {
  if (typeof name === 'string' && name !== '') return name;
  throw new GeminiError('Gemini answered without the name of the job.');
}
