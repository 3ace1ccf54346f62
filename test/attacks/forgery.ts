import { constants, createHmac, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  AUDIENCE,
  claims,
  dynamicPath,
  ED,
  ED_2,
  event,
  FOREIGN_ED,
  FOREIGN_ROUTE_KEY,
  FOREIGN_SECRET,
  newId,
  nowSeconds,
  ROUTE_KEY,
  RSA,
  SECRET,
} from '../contract/callback/sender.ts';
import { ed25519Key, publicJwk, signV1, signV1a } from '../../simulator/signing.ts';
import type { Pace } from './raw.ts';

/** A token of Gemini's, but for what is said here. */
interface Token {
  readonly by?: string;
  readonly header?: object;
  /** One that is `null` is left out. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** The changes that make a request out of a genuine delivery. */
export interface Attack {
  /** The scheme of the genuine delivery, `v1` by default. */
  readonly from?: 'v1' | 'v1a' | 'jwt';
  readonly method?: string;
  /** By default `/` of `v1`, and a signed route of the others. */
  readonly path?: string;
  /** Seconds since it was signed. */
  readonly age?: number;
  /** The signed body, as text or in hex; a finished batch by default. */
  readonly event?: string;
  readonly eventHex?: string;
  readonly token?: Token;
  /** Values of the headers `webhook-id`, `webhook-timestamp` and `webhook-signature`, and of others. */
  readonly id?: string | readonly string[];
  readonly timestamp?: string | readonly string[];
  readonly signature?: string | readonly string[];
  readonly set?: Readonly<Record<string, string | readonly string[]>>;
  readonly unset?: readonly string[];
  /** Lines that stand in the header as they are. */
  readonly lines?: readonly string[];
  /** The body to send in place of the signed one. */
  readonly body?: string;
  readonly chunked?: true;
  readonly pace?: Pace;
  /** The genuine delivery has been accepted before. */
  readonly again?: true;
  /** The longest time to the answer. */
  readonly millis?: number;
}

/** Reads `corpus.json`: attacks by the verdict on them and by their names. */
export function readCorpus(): readonly { name: string; expected: string; attack: Attack }[] {
  const corpus = JSON.parse(readFileSync(join(import.meta.dirname, 'corpus.json'), 'utf8')) as Verdicts;
  return Object.entries(corpus).flatMap(([expected, attacks]) =>
    Object.entries(attacks).map(([name, attack]) => ({ name, expected, attack })),
  );
}

type Verdicts = Readonly<Record<string, Readonly<Record<string, Attack>>>>;

export interface Genuine {
  readonly id: string;
  readonly timestampSeconds: number;
  readonly body: Buffer;
}

/** Puts texts in the place of `{name}` and of `{repeat:times:text}`. */
export type Fill = (text: string) => string;

const ED_PUBLIC = createPublicKey(ED.privateKey);
const RSA_PUBLIC = createPublicKey(RSA.privateKey);
const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' });

/** Public values that a receiver could mistake for an HMAC secret. */
const SHARED: Readonly<Record<string, string | Buffer>> = {
  empty: '',
  bytes: secretBytes(SECRET),
  text: SECRET,
  unprefixed: SECRET.slice('whsec_'.length),
  foreign: secretBytes(FOREIGN_SECRET),
  routeKey: ROUTE_KEY,
  pem: pem(ED_PUBLIC),
  rsaPem: pem(RSA_PUBLIC),
  der: ED_PUBLIC.export({ type: 'spki', format: 'der' }),
  x: Buffer.from(publicJwk(ED).x ?? '', 'base64url'),
  jwk: JSON.stringify(publicJwk(ED)),
};

/** Other keys that sign a token. */
const TOKEN_SIGNERS: Readonly<Record<string, (input: Buffer) => Buffer>> = {
  ...Object.fromEntries(
    Object.entries(SHARED).map(([name, key]) => [name, (input) => createHmac('sha256', key).update(input).digest()]),
  ),
  ed: (input) => sign(null, input, ED.privateKey),
  ed2: (input) => sign(null, input, ED_2.privateKey),
  foreignEd: (input) => sign(null, input, FOREIGN_ED.privateKey),
  rsa: (input) => sign('sha256', input, RSA.privateKey),
  pss: (input) =>
    sign('sha256', input, { key: RSA.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }),
};

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** The order of Ed25519's group: a verifier that does not look takes S and S + L alike. */
const ED25519_ORDER = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n;

/** How the text of a name is written otherwise: `v1.hex`. */
const SPELLINGS: Readonly<Record<string, (text: string) => string>> = {
  truncated: (text) => text.slice(0, -1),
  half: (text) => text.slice(0, text.length / 2),
  hex: (text) => Buffer.from(text, 'base64').toString('hex'),
  unpadded: (text) => text.replaceAll('=', ''),
  urlSafe: (text) => text.replaceAll('+', '-').replaceAll('/', '_'),
  upper: (text) => text.toUpperCase(),
  lower: (text) => text.toLowerCase(),
  unsigned: (text) => text.slice(0, text.lastIndexOf('.') + 1),
  twoParts: (text) => text.slice(0, text.lastIndexOf('.')),
  spare: withOtherSpareBits,
  malleable: (text) => withOrderAdded(Buffer.from(text, 'base64')).toString('base64'),
};

/** A delivery whose signatures have a letter that base64url writes otherwise. */
export function genuineOf({ age = 0, event: signed, eventHex }: Attack = {}): Genuine {
  for (;;) {
    const id = newId();
    const text = signed ?? event('batch.succeeded', { id: `batches/${id}` });
    const body = eventHex === undefined ? Buffer.from(repeat(text)) : Buffer.from(eventHex, 'hex');
    const genuine = { id, timestampSeconds: nowSeconds() - age, body };
    if ([signV1(SECRET, genuine), signV1a(ED, genuine)].every((signature) => /[+/].*[+/]/.test(signature)))
      return genuine;
  }
}

/** Fills in what the corpus can name, of one genuine delivery. */
export function filling(genuine: Genuine, { token }: Attack, recorder: string): Fill {
  const { id, timestampSeconds, body } = genuine;
  const content = Buffer.concat([Buffer.from(`${id}.${timestampSeconds}.`), body]);
  const issued = claims({ jti: id });
  const bare = (signature: string) => signature.slice(signature.indexOf(',') + 1);
  const hmac = (key: string | Buffer, bytes: Buffer) => createHmac('sha256', key).update(bytes).digest('base64');
  const named: Readonly<Record<string, () => string>> = {
    ...Object.fromEntries(Object.entries(SHARED).map(([name, key]) => [`v1.${name}`, () => hmac(key, content)])),
    id: () => id,
    ts: () => String(timestampSeconds),
    now: () => String(nowSeconds()),
    body: () => body.toString(),
    v1: () => bare(signV1(SECRET, genuine)),
    'v1.bodyOnly': () => hmac(secretBytes(SECRET), body),
    v1a: () => bare(signV1a(ED, genuine)),
    'v1a.foreign': () => bare(signV1a(FOREIGN_ED, genuine)),
    'v1a.seeded': () => bare(signV1a(ed25519Key(secretBytes(SECRET)), genuine)),
    'v1a.rsa': () => sign('sha256', content, RSA.privateKey).toString('base64'),
    'v1a.rsaStart': () => sign('sha256', content, RSA.privateKey).subarray(0, 64).toString('base64'),
    path: () => dynamicPath(),
    mac: () => dynamicPath().split('/').at(-1) ?? '',
    'path.foreign': () => dynamicPath('nightly', FOREIGN_ROUTE_KEY),
    'path.emptyKey': () => dynamicPath('nightly', ''),
    'path.signingSecret': () => dynamicPath('nightly', SECRET),
    'path.long': () => dynamicPath('r'.repeat(65)),
    'path.dotted': () => dynamicPath('a.b'),
    audience: () => AUDIENCE,
    'ed.kid': () => ED.kid ?? '',
    'ed2.kid': () => ED_2.kid ?? '',
    'rsa.kid': () => RSA.kid ?? '',
    'foreign.x': () => publicJwk(FOREIGN_ED).x ?? '',
    recorder: () => recorder,
    token: () => tokenOf(issued, token ?? {}, fill),
  };
  const textOf = (name: string): string => {
    const point = name.lastIndexOf('.');
    const spell = SPELLINGS[name.slice(point + 1)];
    const text = named[name]?.() ?? (point === -1 ? undefined : spell?.(textOf(name.slice(0, point))));
    if (text === undefined) throw new TypeError(`The corpus names ${name}, which is nothing.`);
    return text;
  };
  const fill: Fill = (text) => repeat(text.replaceAll(/\{([\w.]+)\}/g, (_all, name: string) => textOf(name)));
  return fill;
}

/** The request as its bytes; all that the attack does not say is as in the genuine delivery. */
export function requestOf(attack: Attack, genuine: Genuine, fill: Fill): Buffer {
  const { from = 'v1', method = 'POST', path = from === 'v1' ? '/' : '{path}', chunked } = attack;
  const { id = '{id}', timestamp = '{ts}', set = {}, unset = [], lines = [] } = attack;
  const { signature = from === 'jwt' ? '{token}' : `${from},{${from}}` } = attack;
  const body = attack.body === undefined ? genuine.body : Buffer.from(fill(attack.body));
  const headers: Record<string, string | readonly string[]> = {
    host: 'hooks.example.test',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signature,
    ...(chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(body.length) }),
    ...set,
  };
  const named = Object.entries(headers)
    .filter(([name]) => !unset.includes(name))
    .flatMap(([name, values]) => [values].flat().map((value) => `${name}: ${value}`));
  const head = [`${method} ${path} HTTP/1.1`, ...named, ...lines, '', ''].join('\r\n');
  return Buffer.concat([Buffer.from(fill(head), 'latin1'), chunked ? inChunks(body) : body]);
}

function inChunks(body: Buffer, size = 10_000): Buffer {
  const starts = Array.from({ length: Math.ceil(body.length / size) }, (_, n) => n * size);
  const parts = [...starts.map((start) => body.subarray(start, start + size)), Buffer.alloc(0)];
  const framed = (part: Buffer) => [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')];
  return Buffer.concat(parts.flatMap(framed));
}

function tokenOf(issued: object, { by = 'ed', header, claims: changes = {} }: Token, fill: Fill): string {
  const changed = Object.entries({ ...issued, ...changes }).filter(([, value]) => value !== null);
  const parts = [header ?? { alg: 'EdDSA', kid: ED.kid, typ: 'JWT' }, Object.fromEntries(changed)];
  const input = parts.map((part) => Buffer.from(fill(JSON.stringify(part))).toString('base64url')).join('.');
  const signature = TOKEN_SIGNERS[by]?.(Buffer.from(input));
  if (signature === undefined) throw new TypeError(`Nothing signs as ${by}.`);
  return `${input}.${signature.toString('base64url')}`;
}

function repeat(text: string): string {
  return text.replaceAll(/\{repeat:(\d+):([^{}]*)\}/g, (_all, times: string, what: string) =>
    what.repeat(Number(times)),
  );
}

function secretBytes(secret: string): Buffer {
  return Buffer.from(secret.slice('whsec_'.length), 'base64');
}

/** The last letter before the padding has bits that stand for nothing: the same bytes, written otherwise. */
function withOtherSpareBits(text: string): string {
  const letters = text.includes('=') ? BASE64 : BASE64URL;
  return text.replace(/[^=](?==*$)/, (last) => letters[letters.indexOf(last) ^ 1] ?? '');
}

function withOrderAdded(signature: Buffer): Buffer {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32).toReversed()).toString('hex')}`) + ED25519_ORDER;
  const written = Buffer.from(s.toString(16).padStart(64, '0'), 'hex');
  return Buffer.concat([signature.subarray(0, 32), written.toReversed()]);
}
