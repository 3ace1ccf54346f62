import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  AUDIENCE,
  Callback,
  claims,
  dynamicPath,
  ED,
  edDsa,
  event,
  FOREIGN_ED,
  FOREIGN_ROUTE_KEY,
  FOREIGN_SECRET,
  JWKS,
  newId,
  nowSeconds,
  ROUTE_KEY,
  SECRET,
  verdict,
} from '../callback/contract/support.ts';
import { publicJwk, signJwt, signV1, signV1a } from '../simulator/signing.ts';
import { type JwksServer, startJwks } from '../support/jwks.ts';

/** A request made out of a genuine delivery, and what it must be answered. */
interface Attack {
  readonly name: string;
  readonly from?: 'v1' | 'v1a' | 'jwt';
  readonly method?: string;
  readonly path?: string;
  /** Seconds since it was signed. */
  readonly age?: number;
  readonly set?: Readonly<Record<string, string | readonly string[]>>;
  readonly unset?: readonly string[];
  readonly body?: string;
  readonly chunked?: true;
  readonly expect: string;
}

const CORPUS = JSON.parse(readFileSync(join(import.meta.dirname, 'corpus.json'), 'utf8')) as readonly Attack[];
const KEY = Buffer.from(SECRET.slice('whsec_'.length), 'base64');

let jwks: JwksServer;
let callback: Callback;
beforeAll(async () => {
  jwks = await startJwks(JWKS);
  callback = await Callback.start({
    WEBHOOK_SIGNING_SECRET: SECRET,
    DYNAMIC_ROUTE_KEY: ROUTE_KEY,
    WEBHOOK_AUDIENCE: AUDIENCE,
    GEMINI_JWKS_URL: jwks.url.href,
  });
});
afterAll(async () => {
  await callback.close();
  await jwks.close();
});

const hmac = (key: string | Buffer, content: string) => createHmac('sha256', key).update(content).digest('base64');
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** What the corpus can name, of one genuine delivery. */
function namesOf({ id, ts, body }: { id: string; ts: number; body: string }): Readonly<Record<string, string>> {
  const message = { id, timestampSeconds: ts, body };
  const content = `${id}.${ts}.${body}`;
  const bare = (signature: string) => signature.slice(signature.indexOf(',') + 1);
  const v1 = bare(signV1(SECRET, message));
  const mac = dynamicPath().split('/').at(-1) ?? '';
  const [publicKey] = JWKS;
  const genuine = edDsa();
  const hs256 = `${part({ alg: 'HS256', kid: ED.kid })}.${part(claims())}`;
  return {
    id,
    body,
    mac,
    v1,
    ts: String(ts),
    now: String(nowSeconds()),
    'v1.foreign': bare(signV1(FOREIGN_SECRET, message)),
    'v1.empty': hmac('', content),
    'v1.text': hmac(SECRET, content),
    'v1.publicKey': hmac(Buffer.from(publicKey?.x ?? '', 'base64url'), content),
    'v1.routeKey': hmac(ROUTE_KEY, content),
    'v1.bodyOnly': hmac(KEY, body),
    'v1.truncated': v1.slice(0, -1),
    'v1.half': v1.slice(0, 22),
    'v1.hex': Buffer.from(v1, 'base64').toString('hex'),
    v1a: bare(signV1a(ED, message)),
    'v1a.foreign': bare(signV1a(FOREIGN_ED, message)),
    path: dynamicPath(),
    'path.foreign': dynamicPath('nightly', FOREIGN_ROUTE_KEY),
    'mac.truncated': mac.slice(0, -1),
    jwt: genuine,
    'jwt.none': `${part({ alg: 'none' })}.${part(claims())}.`,
    'jwt.hs256': `${hs256}.${createHmac('sha256', JSON.stringify(publicKey)).update(hs256).digest('base64url')}`,
    'jwt.ownKey': signJwt(FOREIGN_ED, { alg: 'EdDSA', jwk: publicJwk(FOREIGN_ED) }, claims()),
    'jwt.jku': signJwt(FOREIGN_ED, { alg: 'EdDSA', jku: 'https://attacker.example.test/jwks.json' }, claims()),
    'jwt.kidPath': signJwt(FOREIGN_ED, { alg: 'EdDSA', kid: '../../../../dev/null' }, claims()),
    'jwt.foreign': signJwt(FOREIGN_ED, { alg: 'EdDSA', kid: ED.kid }, claims()),
    'jwt.audience': edDsa({ aud: 'https://other.example.test' }),
    'jwt.noEnd': edDsa({ exp: undefined }),
    'jwt.unsigned': genuine.replace(/\.[^.]*$/, '.'),
  };
}

function fill(text: string, names: Readonly<Record<string, string>>): string {
  const named = text.replaceAll(/\{([\w.]+)\}/g, (all, name: string) => names[name] ?? all);
  return named.replaceAll(/\{repeat:(\d+):([^{}]*)\}/g, (_all, times: string, what: string) =>
    what.repeat(Number(times)),
  );
}

test.each(CORPUS)('$name: $expect', async (attack) => {
  const { from = 'v1', age = 0, set = {}, unset = [], method, path = '/', chunked } = attack;
  const genuine = { id: newId(), ts: nowSeconds() - age, body: event('batch.succeeded', { id: 'batches/attacked' }) };
  const names = namesOf(genuine);
  const signature = from === 'jwt' ? names['jwt'] : `${from},${names[from]}`;
  const headers: Record<string, string | string[]> = {
    'webhook-id': genuine.id,
    'webhook-timestamp': String(genuine.ts),
    'webhook-signature': signature ?? '',
  };
  for (const name of unset) delete headers[name];
  for (const [name, value] of Object.entries(set))
    headers[name] = typeof value === 'string' ? fill(value, names) : value.map((each) => fill(each, names));
  const answer = await callback.send({
    path: fill(path, names),
    headers,
    body: attack.body === undefined ? genuine.body : fill(attack.body, names),
    ...(method === undefined ? {} : { method }),
    ...(chunked ? { chunked } : {}),
  });
  expect(verdict(answer)).toBe(attack.expect);
  expect(answer.millis).toBeLessThan(2_000);
});

test('a genuine delivery whose any one character is another is never accepted', async () => {
  const characters = fc.stringMatching(/^[!-~]$/);
  const field = fc.constantFrom('webhook-id', 'webhook-timestamp', 'webhook-signature', 'body');
  await fc.assert(
    fc.asyncProperty(field, fc.nat(), characters, fc.constantFrom('v1', 'v1a'), async (name, at, character, scheme) => {
      const [id, ts, body] = [newId(), nowSeconds(), event('batch.succeeded', { id: 'batches/altered' })];
      const message = { id, timestampSeconds: ts, body };
      const signature = scheme === 'v1' ? signV1(SECRET, message) : signV1a(ED, message);
      const parts: Record<string, string> = {
        'webhook-id': id,
        'webhook-timestamp': String(ts),
        'webhook-signature': signature,
        body,
      };
      const text = parts[name] ?? '';
      const place = at % text.length;
      fc.pre(text[place] !== character);
      parts[name] = text.slice(0, place) + character + text.slice(place + 1);
      const { body: sent = '', ...headers } = parts;
      const { status } = await callback.send({ path: dynamicPath(), headers, body: sent });
      expect([400, 401]).toContain(status);
    }),
    { numRuns: 300 },
  );
}, 60_000);

test('nothing of all this was written, published or logged, but for what was signed and not in time', async () => {
  const traces = await callback.traces();
  expect(traces).toHaveLength(1);
  expect(await callback.delivery(traces[0] ?? '')).toMatchObject({ state: 'quarantined' });
  expect(callback.leaks()).toEqual([]);
  expect(verdict(await callback.v1())).toBe('200 published');
});
