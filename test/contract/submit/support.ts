import { createHmac } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { text as textOf } from 'node:stream/consumers';
import { Timestamp } from '@google-cloud/firestore';
import type { RunningFunction } from '../../../local/functions.ts';
import type { SimulatorOptions } from '../../../simulator/simulator.ts';
import { serveHttpInTest } from '../../support/server.ts';
import { ROUTE_KEY } from '../pipeline.ts';
import { Stage } from '../results/harness.ts';

const BASE = 'http://127.0.0.1:9/hooks';
export const MODEL = 'gemini-3.8-flash';
export const contents = [{ role: 'user', parts: [{ text: 'hello' }] }];

export const batch = { kind: 'batch', request: { model: MODEL, src: [{ contents }] }, route: 'nightly' };
export const interaction = { kind: 'interaction', request: { model: MODEL, input: 'hello' }, route: 'agents' };

/** Longer than a job takes to appear in the list. */
export const LONG_AGO_MILLIS = 90_000;

export const urlOf = (route: string, base = BASE) =>
  `${base}/dynamic/${route}/${createHmac('sha256', ROUTE_KEY).update(route).digest('base64url')}`;

interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly body: Record<string, unknown>;
}

export async function start(stage: Stage, env: NodeJS.ProcessEnv = {}): Promise<RunningFunction> {
  return await stage.start({ CALLBACK_URL: BASE, DYNAMIC_ROUTE_KEY: ROUTE_KEY, ...env }, 'submitJob');
}

/** Opens a stage with one instance of submitJob. */
export async function open(env: NodeJS.ProcessEnv = {}, options: SimulatorOptions = {}) {
  const stage = await Stage.open(options);
  return { stage, running: await start(stage, env) };
}

export async function submit({ url }: RunningFunction, request: unknown, key?: string): Promise<Answer> {
  const body = typeof request === 'string' ? request : JSON.stringify(request);
  const headers = key === undefined ? {} : { 'idempotency-key': key };
  const response = await fetch(url, { method: 'POST', body, headers });
  const answer = (await response.json()) as Record<string, unknown>;
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body: answer };
}

/** The status of an answer with the job that it names, or the reason of its error: `202 batches/a`. */
export function outcomeOf({ status, body }: Answer): string {
  const error = body['error'] as { details: { reason?: string }[] } | undefined;
  return `${status} ${error === undefined ? String(body['jobId']) : error.details[0]?.reason}`;
}

export const started = ({ simulator }: Stage) => simulator.jobs().map(({ name }) => name);

/** Starts a Gemini whose responses, or broken connections, the test decides. */
export async function startGemini(
  answer: (method: string, body: Record<string, unknown>, response: ServerResponse, text: string) => void,
): Promise<{ readonly GOOGLE_GEMINI_BASE_URL: string }> {
  const { url } = await serveHttpInTest(async (request, response) => {
    const text = await textOf(request);
    answer(request.method ?? '', text === '' ? {} : (JSON.parse(text) as Record<string, unknown>), response, text);
  });
  return { GOOGLE_GEMINI_BASE_URL: url };
}

/** Expires the owner's lease and moves its attempt into the past, as after an old crash. */
export async function endLease(stage: Stage, ageMillis?: number): Promise<void> {
  const [submission] = await stage.project.firestore.collection('submissions').listDocuments();
  const asked = ageMillis === undefined ? {} : { startedAt: Timestamp.fromMillis(Date.now() - ageMillis) };
  await submission?.update({ leaseUntil: Timestamp.fromMillis(0), ...asked });
}

/** Returns the milliseconds until the submission's lease expires. */
export async function leaseMillis(stage: Stage): Promise<number> {
  const { docs } = await stage.project.firestore.collection('submissions').get();
  const until = docs[0]?.get('leaseUntil') as Timestamp | undefined;
  return (until?.toMillis() ?? Infinity) - Date.now();
}
