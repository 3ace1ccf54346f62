import { createHash, createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request as httpRequest } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { ed25519Key, newSecret, publicJwk, rsaKey, signJwt, signV1, signV1a } from '../../../simulator/signing.ts';
import * as vectors from '../../support/vectors.ts';
import { LAST_SIGNAL, type RunningFunction, startFunction } from '../../../local/functions.ts';
import { type ReceivedMessage, LocalProject, type Topic } from '../../../local/project.ts';

export const SECRET = newSecret();
export const NEXT_SECRET = newSecret();
export const FOREIGN_SECRET = newSecret();

export const ROUTE_KEY = `first-route-key-${randomUUID()}`;
export const SECOND_ROUTE_KEY = `second-route-key-${randomUUID()}`;
export const FOREIGN_ROUTE_KEY = `foreign-route-key-${randomUUID()}`;

export const AUDIENCE = 'https://hooks.example.test/gemini/dynamic';

export const RSA = rsaKey(vectors.rsaPrivateJwk, 'sim-rsa-1');
const [FIRST, SECOND, THIRD] = vectors.ed25519;
export const ED = ed25519Key(Buffer.from(FIRST.seed, 'hex'), FIRST.kid);
export const ED_2 = ed25519Key(Buffer.from(SECOND.seed, 'hex'), SECOND.kid);
export const ED_3 = ed25519Key(Buffer.from(THIRD.seed, 'hex'), THIRD.kid);
export const FOREIGN_ED = ed25519Key(Buffer.alloc(32, 0xee), 'foreign');
export const JWKS = [ED, ED_2, ED_3, RSA].map(publicJwk);

/** Stands in every payload of the suite, so that a search of the output finds any of them. */
export const CANARY = 'payload-canary-7f3a';

export const newId = (): string => `msg_${randomUUID()}`;
export const newJob = (kind = 'batches'): string => `${kind}/job-${randomUUID().slice(0, 13)}`;
export const nowSeconds = (): number => Math.floor(Date.now() / 1_000);
export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** The path of a dynamic webhook, by the contract's definition and no code of the function. */
export function dynamicPath(route = 'nightly', key = ROUTE_KEY): string {
  return `/dynamic/${route}/${createHmac('sha256', key).update(route).digest('base64url')}`;
}

/** An event's JSON, with the canary in a field that the function has no business to log. */
export function event(type: string, data?: object, rest: object = {}): string {
  const timestamp = '2026-11-23T10:00:00Z';
  return JSON.stringify({ type, version: 'v1', timestamp, ...(data && { data }), note: CANARY, ...rest });
}

export interface Sent {
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

/** Status and reason in one text: what a table of expectations needs of an answer. */
export function verdict({ status, body }: Answer): string {
  const { status: outcome, error } = (body ?? {}) as { status?: string; error?: { details?: { reason?: string }[] } };
  return `${status} ${outcome ?? error?.details?.[0]?.reason ?? 'with nothing to read'}`;
}

/** The `google.rpc.Code` of each HTTP status that the contract knows. */
const RPC_STATUS: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  405: 'UNIMPLEMENTED',
  413: 'INVALID_ARGUMENT',
  503: 'UNAVAILABLE',
};

/** The contract's form of an error response, to compare with {@link refusal}. */
export function shown({ status, headers, body }: Answer): object {
  return {
    status,
    contentType: headers['content-type'],
    allow: headers.allow,
    retryAfter: headers['retry-after'],
    body,
  };
}

/** Every row of the contract's table of errors, by its status and its reason; nothing more may stand in the answer. */
export function refusal(status: number, reason: string): object {
  const details = [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'gemini-callbacks' }];
  return {
    status,
    contentType: expect.stringMatching(/^application\/json/),
    allow: status === 405 ? 'POST' : undefined,
    retryAfter: status === 503 ? expect.stringMatching(/^[1-9]\d*$/) : undefined,
    body: {
      error: {
        code: status,
        status: RPC_STATUS[status],
        message: expect.stringMatching(/\S+ \S+/),
        details,
      },
    },
  };
}

/** One running `geminiCallback` in a separate Google Cloud project, and all requests to it. */
export class Callback {
  readonly project: LocalProject;
  readonly running: RunningFunction;
  readonly #confidential = new Set<string>([CANARY]);
  readonly #received: Record<Topic, ReceivedMessage[]> = {
    'gemini-events': [],
    'gemini-results': [],
    'gemini-dead-letter': [],
  };
  #pulling: Promise<unknown> = Promise.resolve();

  private constructor(project: LocalProject, running: RunningFunction, env: NodeJS.ProcessEnv) {
    this.project = project;
    this.running = running;
    for (const name of ['WEBHOOK_SIGNING_SECRET', 'DYNAMIC_ROUTE_KEY']) {
      for (const secret of (env[name] ?? '').split(/[\s,]+/)) this.keepSecret(secret);
    }
  }

  static async start(env: NodeJS.ProcessEnv, given?: LocalProject): Promise<Callback> {
    const project = given ?? (await LocalProject.create());
    const running = await startFunction('geminiCallback', { ...project.env, ...env });
    return new Callback(project, running, env);
  }

  /** Must not stand in anything that the function writes. */
  keepSecret(text: string): void {
    if (text.length >= 16) this.#confidential.add(text);
  }

  /** Returns the secrets, signatures and payloads that appear in the function's output. */
  leaks(): readonly string[] {
    const output = this.running.output();
    return [...this.#confidential].filter((text) => output.includes(text));
  }

  /** A POST as given, with a length and no content type unless there is one. */
  async send({ method = 'POST', path = '/', headers = {}, body, chunked = false }: Sent): Promise<Answer> {
    const { hostname, port } = new URL(this.running.url);
    for (const text of String(headers['webhook-signature'] ?? '').split(/[\s,]+/)) {
      this.keepSecret(text);
    }
    this.keepSecret(/\/dynamic\/[^/]*\/([^/?]+)/.exec(path)?.[1] ?? '');
    const bytes = body === undefined ? undefined : Buffer.from(body);
    const length = bytes && !chunked ? { 'content-length': bytes.length } : {};
    const startedAt = performance.now();
    const request = httpRequest({ hostname, port, method, path, headers: { ...length, ...headers } });
    if (bytes && chunked) for (const piece of piecesOf(bytes)) request.write(piece);
    request.end(chunked ? undefined : bytes);
    const [response] = await once(request, 'response');
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const millis = performance.now() - startedAt;
    return { status: response.statusCode, headers: response.headers, text, body: parse(text), millis };
  }

  /** Sends a POST whose body stalls; the status is 0 where the sender closes the connection first. */
  async unfinished({
    headers,
    cutAfterMillis,
  }: {
    readonly headers: OutgoingHttpHeaders;
    readonly cutAfterMillis?: number;
  }): Promise<Pick<Answer, 'status' | 'millis'>> {
    const { hostname, port } = new URL(this.running.url);
    const startedAt = performance.now();
    const request = httpRequest({ hostname, port, method: 'POST', headers });
    request.write('{');
    if (cutAfterMillis !== undefined) setTimeout(() => request.destroy(), cutAfterMillis);
    const status = await once(request, 'response').then(
      ([response]) => Number(response.statusCode),
      () => 0,
    );
    request.destroy();
    return { status, millis: performance.now() - startedAt };
  }

  /** A static delivery. */
  async v1({ id = newId(), timestampSeconds = nowSeconds(), secret = SECRET, ...sent }: Signed = {}): Promise<Answer> {
    const body = sent.body ?? event('webhook.ping');
    const signature = signV1(secret, { id, timestampSeconds, body });
    return await this.send({
      ...sent,
      body,
      headers: { ...webhook(id, timestampSeconds, signature), ...sent.headers },
    });
  }

  /** A dynamic delivery as Gemini sends it. */
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

  /** A dynamic delivery as Gemini documents it, with a body that nothing signs. */
  async jwt(token: string, { id = newId(), timestampSeconds = nowSeconds(), ...sent }: Signed = {}): Promise<Answer> {
    this.keepSecret(token.split('.').at(-1) ?? '');
    const headers = webhook(id, timestampSeconds, token);
    return await this.send({ path: dynamicPath(), body: event('unsigned.body'), ...sent, headers });
  }

  /** Sends again what was put off, as Gemini does. */
  async untilAccepted(send: () => Promise<Answer>): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      const answer = await send();
      if (answer.status !== 503 || attempt === 10) return answer;
      await sleep(300 * Math.random() * attempt);
    }
  }

  async delivery(id: string) {
    return await this.project.document(`deliveries/${id}`);
  }

  async job(name: string) {
    return await this.project.document(`jobs/${name.replaceAll('/', '~')}`);
  }

  /** All messages of a topic so far, or those of one webhook-id. */
  async messages(topic: Topic, id?: string): Promise<readonly ReceivedMessage[]> {
    const pulling = this.#pulling.then(async () => this.#received[topic].push(...(await this.project.messages(topic))));
    this.#pulling = pulling.catch(() => {});
    await pulling;
    const all = this.#received[topic];
    return id === undefined ? all : all.filter(({ attributes }) => attributes['webhook_id'] === id);
  }

  /** The one message of a published event. */
  async message(id: string): Promise<ReceivedMessage> {
    return only(await this.messages('gemini-events', id));
  }

  async deadLetter(id: string): Promise<ReceivedMessage> {
    return only(await this.messages('gemini-dead-letter', id));
  }

  /** Everything that stands in the project: nothing, where every request was refused. */
  async traces(): Promise<readonly string[]> {
    const [deliveries, jobs] = await Promise.all([
      this.project.documentIds('deliveries'),
      this.project.documentIds('jobs'),
    ]);
    const topics: readonly Topic[] = ['gemini-events', 'gemini-results', 'gemini-dead-letter'];
    const messages = await Promise.all(topics.map(async (topic) => await this.messages(topic)));
    return [...deliveries, ...jobs, ...messages.flat().map(({ attributes }) => JSON.stringify(attributes))];
  }

  async close(): Promise<void> {
    await this.running.end(LAST_SIGNAL);
    await this.project.close();
  }
}

export function webhook(id: string, timestamp: number | string, signature: string): Record<string, string> {
  return { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': signature };
}

/** Sends once in a while until the answer is the one that is wanted, up to a limit, and gives the last one. */
export async function sendUntil(wanted: string, millis: number, send: () => Promise<Answer>): Promise<string> {
  const endsAt = performance.now() + millis;
  for (;;) {
    const seen = verdict(await send());
    if (seen === wanted || performance.now() > endsAt) return seen;
    await sleep(400);
  }
}

/** Claims of a token that is good now, with others in place of some; `undefined` leaves one out. */
export function claims(changes: object = {}): object {
  const now = nowSeconds();
  return { aud: AUDIENCE, iat: now, exp: now + 300, jti: newId(), ...JSON.parse(event('webhook.ping')), ...changes };
}

export const rs256 = (changes: object = {}, header: object = {}): string =>
  signJwt(RSA, { alg: 'RS256', kid: RSA.kid, typ: 'JWT', ...header }, claims(changes));

export const edDsa = (changes: object = {}, header: object = {}, key = ED): string =>
  signJwt(key, { alg: 'EdDSA', kid: key.kid, typ: 'JWT', ...header }, claims(changes));

/** Takes connections and never says a word: a dependency that stalls. */
export async function startSilence(): Promise<{ readonly host: string; close(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket.on('error', () => {})));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    host: `127.0.0.1:${port}`,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

function only(messages: readonly ReceivedMessage[]): ReceivedMessage {
  expect(messages).toHaveLength(1);
  const [message] = messages;
  if (message === undefined) throw new Error('There is no message.');
  return message;
}

function piecesOf(bytes: Buffer, size = 10_000): readonly Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
