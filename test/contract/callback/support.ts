import { once } from 'node:events';
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request as httpRequest } from 'node:http';
import { afterAll, expect, vi } from 'vitest';
import { LAST_SIGNAL, type RunningFunction, startFunction } from '../../../local/functions.ts';
import { type ReceivedMessage, LocalProject, type Topic } from '../../../local/project.ts';
import { signV1, signV1a } from '../../../simulator/signing.ts';
import { startJwks } from '../../support/jwks.ts';
import {
  AUDIENCE,
  CANARY,
  dynamicPath,
  ED,
  event,
  JWKS,
  newId,
  nowSeconds,
  ROUTE_KEY,
  SECRET,
  webhook,
} from './sender.ts';

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
  readonly chunked?: boolean;
}

interface Signed extends Sent {
  readonly id?: string;
  readonly timestampSeconds?: number;
  readonly secret?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: unknown;
  readonly millis: number;
}

/** Returns status and outcome or reason as one text, for tables of expectations. */
export function verdict({ status, body }: Answer): string {
  const { status: outcome, error } = (body ?? {}) as { status?: string; error?: { details?: { reason?: string }[] } };
  return `${status} ${outcome ?? error?.details?.[0]?.reason ?? 'with nothing to read'}`;
}

/** The `google.rpc.Code` of each HTTP status in the contract. */
const RPC_STATUS: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  405: 'UNIMPLEMENTED',
  413: 'INVALID_ARGUMENT',
  503: 'UNAVAILABLE',
};

/** Checks that a response is an error of the contract's table, with its status, headers and body and nothing more. */
export function expectRefusal({ status, headers, body }: Answer, code: number, reason: string): void {
  const details = [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'gemini-callbacks' }];
  const message = expect.stringMatching(/\S+ \S+/) as string;
  expect({
    status,
    contentType: headers['content-type'],
    allow: headers.allow,
    retryAfter: headers['retry-after'],
    body,
  }).toStrictEqual({
    status: code,
    contentType: expect.stringMatching(/^application\/json/),
    allow: code === 405 ? 'POST' : undefined,
    retryAfter: code === 503 ? expect.stringMatching(/^[1-9]\d*$/) : undefined,
    body: { error: { code, status: RPC_STATUS[code], message, details } },
  });
}

/** Variables of a function that accepts all three schemes. */
const ALL_SCHEMES = { WEBHOOK_SIGNING_SECRET: SECRET, DYNAMIC_ROUTE_KEY: ROUTE_KEY, WEBHOOK_AUDIENCE: AUDIENCE };

/** Starts a function that accepts all three schemes, for all tests of a file. An empty variable disables its scheme. */
export async function callbackForFile(env: NodeJS.ProcessEnv = {}, keys: readonly object[] = JWKS): Promise<Callback> {
  const jwks = await startJwks(keys);
  const callback = await Callback.start({ ...ALL_SCHEMES, GEMINI_JWKS_URL: jwks.url.href, ...env });
  afterAll(async () => {
    await callback.close();
    await jwks.close();
  });
  return callback;
}

/** A running `geminiCallback`, by default in a separate Google Cloud project, and its sender. */
export class Callback {
  readonly project: LocalProject;
  readonly running: RunningFunction;
  /** Its variables, for a second instance. */
  readonly env: NodeJS.ProcessEnv;
  readonly #ownsProject: boolean;
  readonly #confidential = new Set<string>([CANARY]);
  readonly #received: Record<Topic, ReceivedMessage[]> = {
    'gemini-events': [],
    'gemini-results': [],
    'gemini-dead-letter': [],
  };
  #pulling: Promise<unknown> = Promise.resolve();

  private constructor(
    project: LocalProject,
    running: RunningFunction,
    { env, ownsProject }: { env: NodeJS.ProcessEnv; ownsProject: boolean },
  ) {
    this.project = project;
    this.running = running;
    this.env = env;
    this.#ownsProject = ownsProject;
  }

  static async start(env: NodeJS.ProcessEnv, shared?: LocalProject): Promise<Callback> {
    const project = shared ?? (await LocalProject.create());
    const running = await startFunction('geminiCallback', { ...project.env, ...env });
    const callback = new Callback(project, running, { env, ownsProject: shared === undefined });
    for (const name of ['WEBHOOK_SIGNING_SECRET', 'DYNAMIC_ROUTE_KEY']) {
      for (const secret of (env[name] ?? '').split(/[\s,]+/)) callback.keepSecret(secret);
    }
    return callback;
  }

  /** Marks a text as confidential: the function must never write it. */
  keepSecret(text: string): void {
    if (text.length >= 16) this.#confidential.add(text);
  }

  /** Stops the function and checks that its output holds no secret, signature or payload. */
  async close(): Promise<void> {
    await this.running.end(LAST_SIGNAL);
    if (this.#ownsProject) await this.project.close();
    const output = this.running.output();
    expect([...this.#confidential].filter((text) => output.includes(text))).toEqual([]);
  }

  /** Sends a request as given, with a length and no content type unless there is one. */
  async send({ method = 'POST', path = '/', headers = {}, body, chunked = false }: Sent): Promise<Answer> {
    const { hostname, port } = new URL(this.running.url);
    for (const text of String(headers['webhook-signature'] ?? '').split(/[\s,]+/)) this.keepSecret(text);
    this.keepSecret(/\/dynamic\/[^/]*\/([^/?]+)/.exec(path)?.[1] ?? '');
    const bytes = body === undefined ? undefined : Buffer.from(body);
    const length = bytes && !chunked ? { 'content-length': bytes.length } : {};
    const startedAt = performance.now();
    const request = httpRequest({ hostname, port, method, path, headers: { ...length, ...headers } });
    if (bytes && chunked) for (const piece of piecesOf(bytes)) request.write(piece);
    request.end(chunked ? undefined : bytes);
    const [response] = await once(request, 'response');
    const text = Buffer.concat(await response.toArray()).toString();
    const millis = performance.now() - startedAt;
    return { status: response.statusCode, headers: response.headers, text, body: parseJson(text), millis };
  }

  /** Sends a static delivery. */
  async v1({ id = newId(), timestampSeconds = nowSeconds(), secret = SECRET, ...sent }: Signed = {}): Promise<Answer> {
    const body = sent.body ?? event('webhook.ping');
    const headers = webhook(id, timestampSeconds, signV1(secret, { id, timestampSeconds, body }));
    return await this.send({ ...sent, body, headers: { ...headers, ...sent.headers } });
  }

  /** Sends a dynamic delivery as Gemini does. */
  async v1a({
    id = newId(),
    timestampSeconds = nowSeconds(),
    key = ED,
    ...sent
  }: Signed & { readonly key?: typeof ED } = {}): Promise<Answer> {
    const body = sent.body ?? event('webhook.ping');
    const headers = webhook(id, timestampSeconds, signV1a(key, { id, timestampSeconds, body }));
    return await this.send({ path: dynamicPath(), ...sent, body, headers: { ...headers, ...sent.headers } });
  }

  /** Sends a dynamic delivery as Gemini documents it, with an unsigned body. */
  async jwt(token: string, { id = newId(), timestampSeconds = nowSeconds(), ...sent }: Signed = {}): Promise<Answer> {
    this.keepSecret(token.split('.').at(-1) ?? '');
    const headers = webhook(id, timestampSeconds, token);
    return await this.send({ path: dynamicPath(), body: event('unsigned.body'), ...sent, headers });
  }

  async delivery(id: string) {
    return await this.project.document(`deliveries/${id}`);
  }

  async job(name: string) {
    return await this.project.document(`jobs/${name.replaceAll('/', '~')}`);
  }

  /** Returns all messages of a topic so far, or those of one webhook-id. */
  async messages(topic: Topic, id?: string): Promise<readonly ReceivedMessage[]> {
    const pulling = this.#pulling.then(async () => this.#received[topic].push(...(await this.project.messages(topic))));
    this.#pulling = pulling.catch(() => {});
    await pulling;
    const all = this.#received[topic];
    return id === undefined ? all : all.filter(({ attributes }) => attributes['webhook_id'] === id);
  }

  /** Returns the one message of a published event, or of another topic. */
  async message(id: string, topic: Topic = 'gemini-events'): Promise<ReceivedMessage> {
    const messages = await this.messages(topic, id);
    expect(messages).toHaveLength(1);
    return messages[0] as ReceivedMessage;
  }

  async deadLetter(id: string): Promise<ReceivedMessage> {
    return await this.message(id, 'gemini-dead-letter');
  }
}

/** Sends again, as Gemini does, until the verdict is the expected one or the time is over. */
export async function expectEventually(expected: string, millis: number, send: () => Promise<Answer>): Promise<void> {
  const accepted = async () => expect(verdict(await send())).toBe(expected);
  await vi.waitFor(accepted, { timeout: millis, interval: 400 });
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function piecesOf(bytes: Buffer, size = 10_000): readonly Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size));
}
