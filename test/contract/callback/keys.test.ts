import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signV1, signV1a } from '../../../simulator/signing.ts';
import { freePort } from '../../../local/process.ts';
import { type JwksServer, startJwks } from '../../support/jwks.ts';
import { LocalProject } from '../../../local/project.ts';
import {
  AUDIENCE,
  Callback,
  ED,
  ED_2,
  edDsa,
  event,
  FOREIGN_ED,
  JWKS,
  newId,
  nowSeconds,
  refusal,
  ROUTE_KEY,
  rs256,
  SECRET,
  sendUntil,
  shown,
  startSilence,
  verdict,
  webhook,
} from './support.ts';

/** The contract's 8 s, and what a busy machine adds to them. */
const DEADLINE_MILLIS = 9_500;

let project: LocalProject;
beforeAll(async () => void (project = await LocalProject.create()));
afterAll(async () => await project.close());

const started: Callback[] = [];
const servers: JwksServer[] = [];
afterAll(async () => {
  await Promise.all(started.map(async (callback) => await callback.running.end('SIGKILL')));
  await Promise.all(servers.map(async (server) => await server.close()));
});

/** Starts a separate function, because each has one cache of keys. */
async function start(keysUrl: string): Promise<Callback> {
  const env = { WEBHOOK_SIGNING_SECRET: SECRET, DYNAMIC_ROUTE_KEY: ROUTE_KEY, WEBHOOK_AUDIENCE: AUDIENCE };
  const callback = await Callback.start({ ...env, GEMINI_JWKS_URL: keysUrl }, project);
  started.push(callback);
  return callback;
}

async function serve(keys: readonly object[], changes: Partial<JwksServer> = {}): Promise<JwksServer> {
  const server = Object.assign(await startJwks(keys), changes);
  servers.push(server);
  return server;
}

const times = async (count: number, send: () => Promise<{ status: number; headers: object; body: unknown }>) =>
  await Promise.all(Array.from({ length: count }, send));

describe.concurrent('the key set', () => {
  test('is not asked for by static deliveries, and once for many dynamic ones at the same time', async () => {
    const jwks = await serve(JWKS, { delayMillis: 200 });
    const callback = await start(jwks.url.href);
    expect(verdict(await callback.v1())).toBe('200 published');
    expect(verdict(await callback.v1({ secret: `${SECRET.slice(0, -6)}AAAAA=` }))).toBe('401 SIGNATURE_INVALID');
    expect(jwks.requests()).toBe(0);
    const answers = await times(40, async () => await callback.v1a());
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    for (const token of [rs256(), edDsa()]) expect(verdict(await callback.jwt(token))).toBe('200 published');
    expect(jwks.requests()).toBe(1);
  });

  test('is asked for at most once more under a storm of forgeries', async () => {
    const jwks = await serve(JWKS, { delayMillis: 50 });
    const callback = await start(jwks.url.href);
    expect(verdict(await callback.v1a())).toBe('200 published');
    for (const _round of [1, 2]) {
      const answers = await times(100, async () => await callback.v1a({ key: FOREIGN_ED }));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
    }
    expect(verdict(await callback.jwt(edDsa({}, { kid: 'unknown' })))).toBe('401 SIGNATURE_INVALID');
    expect(verdict(await callback.v1a({ key: ED_2 }))).toBe('200 published');
    expect(jwks.requests()).toBeLessThanOrEqual(2);
  });

  test('serves cached keys while the key server fails', async () => {
    const jwks = await serve(JWKS);
    const callback = await start(jwks.url.href);
    expect(verdict(await callback.v1a())).toBe('200 published');
    jwks.status = 500;
    expect(verdict(await callback.v1a({ key: ED_2 }))).toBe('200 published');
    expect(shown(await callback.v1a({ key: FOREIGN_ED }))).toStrictEqual(refusal(401, 'SIGNATURE_INVALID'));
    expect(verdict(await callback.v1a())).toBe('200 published');
  });

  test('serves cached keys while the key server hangs', async () => {
    const jwks = await serve(JWKS);
    const callback = await start(jwks.url.href);
    expect(verdict(await callback.v1a())).toBe('200 published');
    jwks.delayMillis = 15_000;
    const forged = callback.v1a({ key: FOREIGN_ED });
    const genuine = await callback.v1a({ key: ED_2 });
    expect(verdict(genuine)).toBe('200 published');
    expect(genuine.millis).toBeLessThan(2_000);
    const { status, millis } = await forged;
    expect(status).toBeOneOf([401, 503]);
    expect(millis).toBeLessThan(DEADLINE_MILLIS);
  });

  test.each<[string, Partial<JwksServer>]>([
    ['fails', { status: 500 }],
    ['knows nothing', { status: 404 }],
    ['answers with nonsense', { keys: 'no list' as unknown as readonly object[] }],
    ['answers with no keys', { keys: [] }],
  ])('that was never had is unavailable, not a forgery: its server %s', { timeout: 50_000 }, async (_name, changes) => {
    const jwks = await serve(JWKS, changes);
    const callback = await start(jwks.url.href);
    const id = newId();
    expect(shown(await callback.v1a({ id }))).toStrictEqual(refusal(503, 'KEYS_UNAVAILABLE'));
    expect(shown(await callback.jwt(rs256({ jti: id })))).toStrictEqual(refusal(503, 'KEYS_UNAVAILABLE'));
    expect(await callback.delivery(id)).toBeUndefined();
    expect(verdict(await callback.v1())).toBe('200 published');
    Object.assign(jwks, { status: 200, keys: JWKS });
    expect(await sendUntil('200 published', 40_000, async () => await callback.v1a({ id }))).toBe('200 published');
    expect(await callback.delivery(id)).toMatchObject({ state: 'published' });
  });

  test('that cannot be had is not needed where a v1 entry matches', async () => {
    const callback = await start(`http://127.0.0.1:${await freePort()}/`);
    const signed = { id: newId(), timestampSeconds: nowSeconds(), body: event('webhook.ping') };
    const send = async (signature: string) =>
      await callback.send({ headers: webhook(signed.id, signed.timestampSeconds, signature), body: signed.body });
    expect(shown(await callback.v1a())).toStrictEqual(refusal(503, 'KEYS_UNAVAILABLE'));
    expect(verdict(await send(`${signV1a(ED, signed)} ${signV1(SECRET, signed)}`))).toBe('200 published');
  });

  test('is waited for no longer than the deadline', async () => {
    const jwks = await serve(JWKS, { delayMillis: 20_000 });
    const silence = await startSilence();
    const callbacks = await Promise.all([jwks.url.href, `http://${silence.host}/`].map(start));
    const answers = await Promise.all([...callbacks, ...callbacks].map(async (callback) => await callback.v1a()));
    for (const answer of answers) {
      expect(verdict(answer)).toMatch(/^503 (KEYS_UNAVAILABLE|DEADLINE_EXCEEDED)$/);
      expect(answer.headers['retry-after']).toMatch(/^\d+$/);
      expect(answer.millis).toBeLessThan(DEADLINE_MILLIS);
    }
    silence.close();
  });

  test('is taken from the configured address only: a redirect is not followed', async () => {
    const target = await serve(JWKS);
    const redirect = createServer((_request, response) => {
      response.writeHead(302, { location: target.url.href, 'content-type': 'application/json' });
      response.end(JSON.stringify({ keys: JWKS }));
    }).listen(0, '127.0.0.1');
    await once(redirect, 'listening');
    const address = redirect.address();
    const callback = await start(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`);
    expect(shown(await callback.v1a())).toStrictEqual(refusal(503, 'KEYS_UNAVAILABLE'));
    const itsOwn = edDsa({}, { jku: target.url.href, x5u: target.url.href, kid: undefined });
    expect(shown(await callback.jwt(itsOwn))).toStrictEqual(refusal(503, 'KEYS_UNAVAILABLE'));
    expect(target.requests()).toBe(0);
    redirect.close();
  });
});

test('nothing secret and no payload stands in the output', () => {
  expect(started.flatMap((callback) => callback.leaks())).toEqual([]);
});
