import { setTimeout as sleep } from 'node:timers/promises';
import { GoogleGenAI } from '@google/genai';
import type { DocumentData } from '@google-cloud/firestore';
import { expect, onTestFinished } from 'vitest';
import { jobDocumentId } from '../../../functions/model/jobName.ts';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../../simulator/simulator.ts';
import { LAST_SIGNAL, type RunningFunction, startFunction } from '../../../local/functions.ts';
import { eventually } from '../../../local/process.ts';
import { type ReceivedMessage, LocalProject } from '../../../local/project.ts';
import { startStorage, type StorageServer } from '../../support/storage.ts';

export interface Result {
  readonly attributes: Readonly<Record<string, string>>;
  readonly data: Record<string, unknown>;
}

export type StageOptions = SimulatorOptions & { readonly ordered?: boolean };

/** A separate project, simulator and bucket, and functions in separate processes. */
export class Stage {
  readonly project: LocalProject;
  readonly simulator: Simulator;
  readonly storage: StorageServer;
  readonly ai: GoogleGenAI;
  readonly #running = new Set<RunningFunction>();

  private constructor(project: LocalProject, simulator: Simulator, storage: StorageServer) {
    this.project = project;
    this.simulator = simulator;
    this.storage = storage;
    this.ai = new GoogleGenAI({ apiKey: 'any-key', httpOptions: { baseUrl: simulator.url } });
  }

  /** @param onEnd registers its end; a concurrent test gives the `onTestFinished` of its context. */
  static async open({ ordered = true, ...options }: StageOptions = {}, onEnd = onTestFinished): Promise<Stage> {
    const jobs = { runningMillis: null };
    const settings = { ...options.settings, jobs: { ...jobs, ...options.settings?.jobs } };
    const stage = new Stage(
      await LocalProject.create({ ordered }),
      await startSimulator({ seed: 'results', ...options, settings }),
      await startStorage(),
    );
    onEnd(async () => await stage.#close());
    return stage;
  }

  get env(): NodeJS.ProcessEnv {
    return {
      ...this.project.env,
      GEMINI_API_KEY: 'any-key',
      GOOGLE_GEMINI_BASE_URL: this.simulator.url,
      STORAGE_EMULATOR_HOST: this.storage.url,
    };
  }

  get running(): ReadonlySet<RunningFunction> {
    return this.#running;
  }

  async start(env: NodeJS.ProcessEnv = {}, target = 'fetchResults'): Promise<RunningFunction> {
    const running = await startFunction(target, { ...this.env, ...env });
    this.#running.add(running);
    return running;
  }

  /** Starts a batch. */
  async batch(prompts: readonly string[] = ['hello']): Promise<string> {
    const src = prompts.map((words, n) => ({ contents: [{ parts: [{ text: words }] }], metadata: { key: `r${n}` } }));
    const { name = '' } = await this.ai.batches.create({ model: 'gemini-3.8-flash', src });
    return name;
  }

  /** Ends a new batch. By default it succeeds with inline responses to its prompts. */
  async finishedBatch(outcome: Parameters<Simulator['finish']>[1] = {}, prompts?: readonly string[]): Promise<string> {
    const name = await this.batch(prompts);
    await this.simulator.finish(name, outcome);
    return name;
  }

  /** Waits until the record of a job counts so many published results. */
  async published(jobName: string, atLeast = 1): Promise<void> {
    await eventually(`${atLeast} results are recorded`, 60_000, async () => {
      const { published = 0 } = (await this.record(jobName))?.['results'] ?? {};
      return published >= atLeast || undefined;
    });
  }

  /** Waits for the lease of a killed instance, which it could not release, to expire. */
  async leaseExpired(jobName: string): Promise<void> {
    const { leaseUntil } = (await this.record(jobName))?.['results'] ?? {};
    await sleep(leaseUntil.toMillis() - Date.now());
  }

  async results(): Promise<readonly Result[]> {
    return (await this.project.messages('gemini-results')).map(readResult);
  }

  /** Returns the results since the last call, up to `job.results.completed`. */
  async resultsToTheEnd(): Promise<readonly Result[]> {
    const isLast = ({ attributes }: ReceivedMessage) => attributes['ce-type'] === 'job.results.completed';
    return (await this.project.messagesUntil('gemini-results', isLast)).map(readResult);
  }

  async record(jobName: string): Promise<DocumentData | undefined> {
    return await this.project.document(`jobs/${jobDocumentId(jobName)}`);
  }

  /** Removes the record, so that the job's next event is its first. */
  async forget(jobName: string): Promise<void> {
    await this.project.firestore.doc(`jobs/${jobDocumentId(jobName)}`).delete();
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#running].map((running) => running.end(LAST_SIGNAL).catch(() => running.exited)));
    await Promise.all([this.project.close(), this.simulator.close(), this.storage.close()]);
  }
}

function readResult({ attributes, data }: ReceivedMessage): Result {
  return { attributes, data: JSON.parse(data.toString('utf8')) as Record<string, unknown> };
}

/** The message of an event as `geminiCallback` publishes it. */
export function eventMessage(
  type: string,
  jobName: string,
  data: object = {},
  attributes: object = {},
  timestamp = '2026-05-28T20:26:40Z',
) {
  const [kind = ''] = type.split('.');
  const event = { type, version: 'v1', timestamp, data: { id: jobName, ...data } };
  return {
    data: Buffer.from(JSON.stringify(event)).toString('base64'),
    attributes: { webhook_id: 'msg_1', event_type: type, job_id: jobName, job_kind: kind, ...attributes },
    messageId: '1',
    publishTime: '2026-05-28T20:26:41Z',
  };
}

type PubsubMessage = ReturnType<typeof eventMessage>;

/** Posts a message as Eventarc does, as a binary CloudEvent. Returns the status, 0 where the connection broke. */
export async function deliver({ url }: Pick<RunningFunction, 'url'>, message: PubsubMessage | object): Promise<number> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'ce-specversion': '1.0',
        'ce-id': '1',
        'ce-type': 'google.cloud.pubsub.topic.v1.messagePublished',
        'ce-source': '//pubsub.googleapis.com/projects/demo/topics/gemini-events',
      },
      body: JSON.stringify({ message, subscription: 'projects/demo/subscriptions/s' }),
    });
    return response.status;
  } catch {
    return 0;
  }
}

/** Matches the usage of so many results that name their tokens. */
export function tokensOf(results: number): object {
  const count = expect.any(Number) as number;
  const counts = { inputTokens: count, outputTokens: count, thoughtTokens: count, cachedTokens: count };
  return { ...counts, totalTokens: count, results };
}

/** Returns a predicate that is true once so many different messages have arrived, in any order. */
export function allOf(count: number): (message: { attributes: Readonly<Record<string, string>> }) => boolean {
  const ids = new Set<string | undefined>();
  return ({ attributes }) => ids.add(attributes['ce-id']).size === count;
}

/** Generates the file of a video at Gemini. */
export async function videoFile({ simulator }: Stage): Promise<{ uri: string; name: string }> {
  const name = simulator.generateFile({ lines: 10, lineBytes: 256 }, 'files/video0000001');
  return { name, uri: `https://generativelanguage.googleapis.com/v1beta/${name}:download?alt=media` };
}
