import type { GoogleGenAI } from '@google/genai';
import { GeminiError, toGeminiError } from '../gemini/errors.ts';
import { isJsonObject, type JsonObject } from '../model/json.ts';
import type { Submission } from './submission.ts';

/** Gemini is given so long to say that it has started a job; then it is not known whether it has. */
const START_MILLIS = 25_000;

/** A job that was started is in the list within this time; one that is not there then was not started. */
const LISTED_WITHIN_MILLIS = 30_000;

const PAGE_SIZE = 100;

export interface Order {
  readonly submission: Submission;
  readonly submissionId: string;
  /** The callback's URL on the caller's route. */
  readonly url: string;
  /** The first job of the chain, where this one goes on with an interaction (G 9.4). */
  readonly root?: string | undefined;
}

/** Starts jobs at Gemini, each by one request that is never repeated: a job is paid for. */
export class Starter {
  readonly #ai: GoogleGenAI;

  constructor(ai: GoogleGenAI) {
    this.#ai = ai;
  }

  /**
   * @returns the job's name.
   * @throws {GeminiError} with the status of an answer: nothing was started; without one, that is not known.
   */
  async start(order: Order): Promise<string> {
    try {
      return order.submission.kind === 'batch' ? await this.#startBatch(order) : await this.#startInteraction(order);
    } catch (error) {
      throw toGeminiError(error);
    }
  }

  /**
   * Looks for a job that was started although nobody heard the answer, by the submission's id in its name.
   *
   * @returns `undefined` where there is none; `'unknown'` where that cannot be said (yet): interactions are not listed.
   */
  async find({ submission, submissionId }: Order, startedAt: Date, now: Date): Promise<string | undefined> {
    if (submission.kind !== 'batch') return 'unknown';
    const settled = now.getTime() - startedAt.getTime() > LISTED_WITHIN_MILLIS;
    try {
      const pager = await this.#ai.batches.list({ config: { pageSize: PAGE_SIZE } });
      for await (const { name, displayName, createTime } of pager) {
        if (displayName?.includes(submissionId)) return name;
        if (createTime && Date.parse(createTime) < startedAt.getTime() - LISTED_WITHIN_MILLIS) break;
      }
    } catch (error) {
      throw toGeminiError(error);
    }
    return settled ? undefined : 'unknown';
  }

  async #startBatch(order: Order): Promise<string> {
    const { submission, submissionId, url } = order;
    const { request, displayName } = submission;
    const config = isJsonObject(request['config']) ? request['config'] : {};
    const job = await this.#ai.batches.create({
      model: request['model'] as string,
      src: request['src'] as string,
      config: {
        ...config,
        displayName: [displayName, `(${submissionId})`].filter(Boolean).join(' '),
        webhookConfig: { uris: [url], userMetadata: userMetadataOf(order) },
        httpOptions: { timeout: START_MILLIS },
      },
    });
    return requireName(job.name);
  }

  async #startInteraction(order: Order): Promise<string> {
    const { submission, submissionId, url } = order;
    const { request } = submission;
    const labels = isJsonObject(request['labels']) ? request['labels'] : {};
    const parameters = {
      ...request,
      background: true,
      labels: { ...labels, submission_id: submissionId },
      webhook_config: { uris: [url], user_metadata: userMetadataOf(order) },
    } as unknown as Parameters<GoogleGenAI['interactions']['create']>[0];
    const interaction: JsonObject = (await this.#ai.interactions.create(parameters, {
      maxRetries: 0,
      timeout: START_MILLIS,
    })) as unknown as JsonObject;
    return `interactions/${requireName(interaction['id'])}`;
  }
}

/** The caller's metadata and ours, which come back with every event and in every message. */
export function userMetadataOf({ submission, submissionId, root }: Order): Record<string, unknown> {
  return { ...submission.metadata, submission_id: submissionId, ...(root === undefined ? {} : { root }) };
}

function requireName(name: unknown): string {
  if (typeof name === 'string' && name !== '') return name;
  throw new GeminiError('Gemini answered without the name of the job.');
}
