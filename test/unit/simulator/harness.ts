import { createPublicKey, verify } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';
import { GoogleGenAI } from '@google/genai';
import { expect, onTestFinished } from 'vitest';
import { serveHttp } from '../../support/server.ts';
import { startSimulator } from '../../../simulator/simulator.ts';
import type { Simulator, SimulatorOptions } from '../../../simulator/simulator.ts';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An endpoint that records its requests. */
export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  /** Status of its answers; `hang` never answers. */
  answer: number | 'hang';
  close(): Promise<void>;
}

export const HOUR_MILLIS = 3_600_000;
/** Long enough for a job of the default settings. */
export const JOB_MILLIS = 2_000;
/** 2026-05-28T20:26:40Z */
export const START_MILLIS = 1_780_000_000_000;

export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  const { url, close } = await serveHttp(async (request, response) => {
    received.push({ path: request.url ?? '', headers: request.headers, body: await text(request) });
    if (receiver.answer !== 'hang') response.writeHead(receiver.answer).end('noted');
  });
  const receiver: Receiver = { url, received, answer: 200, close };
  return receiver;
}

/**
 * Starts a simulator with the seed `test` and a manual clock from `START_MILLIS`, a client and an endpoint, which close
 * after the test.
 */
export async function setUp(options: SimulatorOptions = {}) {
  const clock = { manual: true, startMillis: START_MILLIS };
  const deliveries = { timestamp: 'clock' as const, ...options.settings?.deliveries };
  const settings = { ...options.settings, deliveries };
  const [simulator, receiver] = await Promise.all([
    startSimulator({ seed: 'test', clock, ...options, settings }),
    startReceiver(),
  ]);
  onTestFinished(async () => {
    await Promise.all([simulator.close(), receiver.close()]);
  });
  return { simulator, receiver, ai: client(simulator) };
}

export function client({ url }: Simulator, apiVersion = 'v1'): GoogleGenAI {
  return new GoogleGenAI({ apiKey: 'any-key', apiVersion, httpOptions: { baseUrl: url } });
}

/** Sends a request without the SDK, with an API key. */
export async function call(simulator: Simulator, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (!headers.has('x-goog-api-key')) headers.set('x-goog-api-key', 'any-key');
  return await fetch(simulator.url + path, { ...init, headers });
}

/** Returns the value. Throws where it is missing. */
export function given<T>(value: T | null | undefined): T {
  if (value === undefined || value === null) throw new TypeError('expected a value');
  return value;
}

export function prompt(words: string): { contents: { role: string; parts: { text: string }[] }[] } {
  return { contents: [{ role: 'user', parts: [{ text: words }] }] };
}

/** Starts a batch whose events go to the given URIs, and returns its name. */
export async function startBatch(simulator: Simulator, uris: string[], userMetadata: Record<string, unknown> = {}) {
  const config = { webhookConfig: { uris, userMetadata } };
  const { name } = await client(simulator).batches.create({ model: 'm', src: [prompt('hello')], config });
  return given(name);
}

export async function jwks(simulator: Simulator): Promise<{ keys: JsonWebKey[] }> {
  const response = await fetch(`${simulator.url}/.well-known/jwks.json`);
  return (await response.json()) as { keys: JsonWebKey[] };
}

/** The keys of the JWKS that verify a `v1a` delivery, by their place. */
export async function verifyingKeys(simulator: Simulator, { headers, body }: Received): Promise<number[]> {
  const message = Buffer.from(`${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`);
  const signature = Buffer.from(String(headers['webhook-signature']).slice('v1a,'.length), 'base64');
  const { keys } = await jwks(simulator);
  return keys.flatMap((key, index) => {
    return verify(null, message, createPublicKey({ key, format: 'jwk' }), signature) ? [index] : [];
  });
}

/** The signed times. */
export function secondsAfterStart(received: readonly Received[]): number[] {
  return received.map(({ headers }) => Number(headers['webhook-timestamp']) - START_MILLIS / 1000);
}

/** Expects INVALID_ARGUMENT for a body, with the reason in its message, and no job. */
export async function expectRefusal(simulator: Simulator, path: string, body: object, reason: string): Promise<void> {
  const response = await call(simulator, path, { method: 'POST', body: JSON.stringify(body) });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({
    error: { code: 400, status: 'INVALID_ARGUMENT', message: expect.stringContaining(reason) as string },
  });
  expect(simulator.jobs()).toEqual([]);
}
