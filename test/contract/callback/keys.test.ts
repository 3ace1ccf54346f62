import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../../local/process.ts';
import { LocalProject } from '../../../local/project.ts';
import { signV1, signV1a } from '../../../simulator/signing.ts';
import { type JwksServer, startJwks } from '../../support/jwks.ts';
import { sendJson, serveHttp, serveSilence } from '../../support/server.ts';
import {
  AUDIENCE,
  ED,
  ED_2,
  edDsa,
  event,
  FOREIGN_ED,
  JWKS,
  newId,
  nowSeconds,
  ROUTE_KEY,
  rs256,
  SECRET,
  webhook,
} from './sender.ts';
import { Callback, expectEventually, expectRefusal, verdict } from './support.ts';

/** The contract's 8 s, and the delay of a busy machine. */
const DEADLINE_MILLIS = 9_500;

let project: LocalProject;
beforeAll(async () => void (project = await LocalProject.create()));

const open: { close(): Promise<void> }[] = [];
afterAll(async () => {
  for (const each of open) await each.close();
  await project.close();
});

/** Starts a separate function, because each has one cache of keys. */
async function start(keysUrl: string): Promise<Callback> {
  const env = { WEBHOOK_SIGNING_SECRET: SECRET, DYNAMIC_ROUTE_KEY: ROUTE_KEY, WEBHOOK_AUDIENCE: AUDIENCE };
  const callback = await Callback.start({ ...env, GEMINI_JWKS_URL: keysUrl }, project);
  open.push(callback);
  return callback;
}

async function startWith(changes: Partial<JwksServer> = {}): Promise<{ jwks: JwksServer; callback: Callback }> {
  const jwks = Object.assign(await startJwks(JWKS), changes);
  open.push(jwks);
  return { jwks, callback: await start(jwks.url.href) };
}

describe.concurrent('the key set', () => {
  test('is fetched once for many simultaneous dynamic deliveries, and not for static ones', async () => {
    const { jwks, callback } = await startWith({ delayMillis: 200 });
    expect(verdict(await callback.v1())).toBe('200 published');
    expect(verdict(await callback.v1({ secret: `${SECRET.slice(0, -6)}AAAAA=` }))).toBe('401 SIGNATURE_INVALID');
    expect(jwks.requests()).toBe(0);
    const answers = await Promise.all(Array.from({ length: 40 }, async () => await callback.v1a()));
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    for (const token of [rs256(), edDsa()]) expect(verdict(await callback.jwt(token))).toBe('200 published');
    expect(jwks.requests()).toBe(1);
  });

  test('is fetched at most once more during a storm of forgeries', async () => {
    const { jwks, callback } = await startWith({ delayMillis: 50 });
    expect(verdict(await callback.v1a())).toBe('200 published');
    for (const _round of [1, 2]) {
      const forging = Array.from({ length: 100 }, async () => await callback.v1a({ key: FOREIGN_ED }));
      expect(new Set((await Promise.all(forging)).map(verdict))).toEqual(new Set(['401 SIGNATURE_INVALID']));
    }
    expect(verdict(await callback.jwt(edDsa({}, { kid: 'unknown' })))).toBe('401 SIGNATURE_INVALID');
    expect(verdict(await callback.v1a({ key: ED_2 }))).toBe('200 published');
    expect(jwks.requests()).toBeLessThanOrEqual(2);
  });

  test('stays in use while its server fails', async () => {
    const { jwks, callback } = await startWith();
    expect(verdict(await callback.v1a())).toBe('200 published');
    jwks.status = 500;
    expect(verdict(await callback.v1a({ key: ED_2 }))).toBe('200 published');
    expectRefusal(await callback.v1a({ key: FOREIGN_ED }), 401, 'SIGNATURE_INVALID');
    expect(verdict(await callback.v1a())).toBe('200 published');
  });

  test('stays in use while its server hangs', async () => {
    const { jwks, callback } = await startWith();
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
    ['serves no JSON list', { keys: 'no list' as unknown as readonly object[] }],
    ['serves no keys', { keys: [] }],
  ])(
    'is unavailable, which is not a forgery, while its server has always %s',
    { timeout: 50_000 },
    async (_name, changes) => {
      const { jwks, callback } = await startWith(changes);
      const id = newId();
      expectRefusal(await callback.v1a({ id }), 503, 'KEYS_UNAVAILABLE');
      expectRefusal(await callback.jwt(rs256({ jti: id })), 503, 'KEYS_UNAVAILABLE');
      expect(await callback.delivery(id)).toBeUndefined();
      expect(verdict(await callback.v1())).toBe('200 published');
      Object.assign(jwks, { status: 200, keys: JWKS });
      await expectEventually('200 published', 40_000, async () => await callback.v1a({ id }));
      expect(await callback.delivery(id)).toMatchObject({ state: 'published' });
    },
  );

  test('is not needed where a v1 entry matches', async () => {
    const callback = await start(`http://127.0.0.1:${await freePort()}/`);
    const signed = { id: newId(), timestampSeconds: nowSeconds(), body: event('webhook.ping') };
    expectRefusal(await callback.v1a(), 503, 'KEYS_UNAVAILABLE');
    const headers = webhook(signed.id, signed.timestampSeconds, `${signV1a(ED, signed)} ${signV1(SECRET, signed)}`);
    expect(verdict(await callback.send({ headers, body: signed.body }))).toBe('200 published');
  });

  test('is awaited no longer than the deadline', async () => {
    const { callback: slow } = await startWith({ delayMillis: 20_000 });
    const silence = await serveSilence();
    open.push(silence);
    const silent = await start(silence.url);
    const answers = await Promise.all([slow, silent, slow, silent].map(async (callback) => await callback.v1a()));
    for (const answer of answers) {
      expect(verdict(answer)).toMatch(/^503 (KEYS_UNAVAILABLE|DEADLINE_EXCEEDED)$/);
      expect(answer.headers['retry-after']).toMatch(/^\d+$/);
      expect(answer.millis).toBeLessThan(DEADLINE_MILLIS);
    }
  });

  test('comes from the configured address only: neither a redirect nor a token changes it', async () => {
    const { jwks: target } = await startWith();
    const redirect = await serveHttp((_request, response) =>
      sendJson(response, 302, { keys: JWKS }, { location: target.url.href }),
    );
    open.push(redirect);
    const callback = await start(redirect.url);
    expectRefusal(await callback.v1a(), 503, 'KEYS_UNAVAILABLE');
    const itsOwn = edDsa({}, { jku: target.url.href, x5u: target.url.href, kid: undefined });
    expectRefusal(await callback.jwt(itsOwn), 503, 'KEYS_UNAVAILABLE');
    expect(target.requests()).toBe(0);
  });
});
