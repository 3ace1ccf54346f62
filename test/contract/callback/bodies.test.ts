import { gzipSync } from 'node:zlib';
import { Firestore } from '@google-cloud/firestore';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signV1 } from '../../../simulator/signing.ts';
import {
  Callback,
  CANARY,
  event,
  ED,
  JWKS,
  newId,
  newJob,
  nowSeconds,
  refusal,
  ROUTE_KEY,
  SECRET,
  sha256,
  shown,
  verdict,
  webhook,
} from './support.ts';
import { type JwksServer, startJwks } from '../../support/jwks.ts';

let jwks: JwksServer;
let callback: Callback;
beforeAll(async () => {
  jwks = await startJwks(JWKS);
  callback = await Callback.start({
    WEBHOOK_SIGNING_SECRET: SECRET,
    DYNAMIC_ROUTE_KEY: ROUTE_KEY,
    GEMINI_JWKS_URL: jwks.url.href,
  });
});
afterAll(async () => {
  await callback.close();
  await jwks.close();
});

const JOB_ID = `batches/bodies-${newId()}`;
const inEvent = (member: string): string =>
  event('batch.succeeded', { id: JOB_ID }).replace('"note":', `${member},"note":`);

/** Which of the three forms of the payload a delivery's record holds; exactly one. */
function formOf(delivery: object | undefined): string {
  return ['event', 'eventJson', 'rawBody'].filter((field) => delivery && field in delivery).join();
}

describe('an event is recorded and published byte for byte', () => {
  test.each([
    ['no content type', {}],
    ['a wrong content type', { 'content-type': 'text/html' }],
    ['a malformed content type', { 'content-type': ';;;' }],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['a multipart form', { 'content-type': 'multipart/form-data; boundary=x' }],
    ['JSON', { 'content-type': 'application/json' }],
    ['JSON in an unknown charset', { 'content-type': 'application/json; charset=klingon' }],
    ['JSON that calls itself Latin 1', { 'content-type': 'application/json; charset=latin1' }],
    ['a CloudEvent', { 'content-type': 'application/cloudevents+json', 'ce-id': 'x', 'ce-type': 'y' }],
    ['an unknown content encoding', { 'content-type': 'application/json', 'content-encoding': 'klingon' }],
  ])('with %s', async (_name, headers) => {
    const id = newId();
    const body = event('batch.succeeded', { id: newJob(), größe: '❌' }).replace('{', '{ \n');
    expect(verdict(await callback.v1({ id, body, headers }))).toBe('200 published');
    expect(await callback.delivery(id)).toMatchObject({ event: JSON.parse(body), bodySha256: sha256(body) });
    expect((await callback.message(id)).data.toString()).toBe(body);
  });

  const holdable: [string, string][] = [
    ['duplicate keys, of which the last counts', '"twice":1,"twice":2'],
    ['fields named like those of an object', '"constructor":1,"toString":{"a":1},"hasOwnProperty":null'],
    ['dots, slashes, blanks and backticks in names', '"a.b/c d`e*~[]":{"..":1}'],
    ['null, true, false and fractions', '"some":[null,true,false,-0.5,0.1,1e-7,-1.5e-300]'],
    ['arrays of maps of arrays', '"some":[{"a":[1,{"b":[2]}]}]'],
    ['text beyond the first plane, and NUL', '"some":"😀\\u0000\\ud83d\\ude00"'],
    ['the greatest safe integer', '"some":9007199254740991'],
  ];
  test.each(holdable)('as a map with %s', async (_name, member) => {
    const id = newId();
    const body = inEvent(member);
    expect(verdict(await callback.v1({ id, body }))).toBe('200 published');
    const record = await callback.delivery(id);
    expect(formOf(record)).toBe('event');
    expect(record?.['event']).toEqual(JSON.parse(body));
    expect((await callback.message(id)).data.toString()).toBe(body);
  });

  const depth = 100_000;
  const zeros = `[${'0,'.repeat(125 * 1_024)}0]`;
  const unholdable: [string, string][] = [
    ['nested arrays', '"some":[[1]]'],
    ['arrays nested 100,000 deep', `"some":${'['.repeat(depth)}${']'.repeat(depth)}`],
    ['maps nested 30,000 deep', `"some":${'{"a":'.repeat(30_000)}1${'}'.repeat(30_000)}`],
    ['maps nested 21 deep', `"some":${'{"a":'.repeat(21)}1${'}'.repeat(21)}`],
    ['250 KiB of numbers, which Firestore counts as a megabyte', `"some":${zeros}`],
    ['a reserved name', '"__name__":1'],
    ['a reserved name further down', '"some":[{"a":{"__x__":1}}]'],
    ['a field __proto__', '"__proto__":{"type":"other"}'],
    ['a field without a name', '"":1'],
    ['a name of 1,501 bytes', `"${'n'.repeat(1_501)}":1`],
    ['a lone surrogate in a text', '"some":"\\ud800"'],
    ['a lone surrogate in a name', '"\\udc00":1'],
    ['a number that is no longer itself as a double', '"some":9007199254740993'],
    ['a number beyond all doubles', '"some":1e400'],
  ];
  test.each(unholdable)('as text with %s', async (_name, member) => {
    const id = newId();
    const body = inEvent(member);
    expect(verdict(await callback.v1({ id, body }))).toBe('200 published');
    const record = await callback.delivery(id);
    expect(formOf(record)).toBe('eventJson');
    expect(record).toMatchObject({ state: 'published', eventJson: body, bodySha256: sha256(body) });
    expect((await callback.message(id)).data.toString()).toBe(body);
  });

  test('as a map whose integers up to 64 bits are not altered, or as text', async () => {
    const id = newId();
    const body = inEvent('"some":-9007199254740995');
    await callback.v1({ id, body });
    const exact = new Firestore({ projectId: callback.project.projectId, useBigInt: true });
    const record = (await exact.doc(`deliveries/${id}`).get()).data();
    await exact.terminate();
    expect(record?.['eventJson'] ?? record?.['event'].some).toBeOneOf([body, -9_007_199_254_740_995n]);
  });

  test('with a byte order mark, as an event or as no event', async () => {
    const id = newId();
    const body = `\ufeff${event('batch.succeeded', { id: newJob() })}`;
    expect(verdict(await callback.v1({ id, body }))).toMatch(/^200 (published|quarantined)$/);
    const messages = await Promise.all([
      callback.messages('gemini-events', id),
      callback.messages('gemini-dead-letter', id),
    ]);
    expect(messages.flat().map(({ data }) => data.toString())).toEqual([body]);
    expect(formOf(await callback.delivery(id))).toMatch(/^(event|eventJson|rawBody)$/);
  });

  const long = 'x'.repeat(240 * 1_024);
  const lengthy: [string, string][] = [
    ['type', event(long, { id: newJob() })],
    ['type of two-byte letters', event('é'.repeat(120 * 1_024), { id: newJob() })],
    ['job id', event('batch.failed', { id: long })],
    ['error message', event('batch.failed', { id: newJob(), error_code: 3, error_message: long })],
    ['error code', event('batch.failed', { id: newJob(), error_code: long })],
    ['output URI', event('video.generated', { id: newJob('x'), output_file_uri: long, file_name: 'files/x' })],
    ['metadata value', event('batch.failed', { id: newJob() }, { user_metadata: { some: long, other: 'short' } })],
    ['metadata key', event('batch.failed', { id: newJob() }, { user_metadata: { [long]: 'some' } })],
    ['timestamp', event('batch.failed', { id: newJob() }, { timestamp: long })],
    ['lone surrogate in its job id', event('batch.failed', { id: 'a\ud800b' })],
    ['lone surrogate in its type', event('batch.fai\udc00led', { id: newJob() })],
    ['lone surrogate in its error', event('batch.failed', { id: newJob(), error_message: '\ud800' })],
    ['lone surrogate in its metadata', event('batch.failed', { id: newJob() }, { user_metadata: { a: '\ud800' } })],
    ['nested arrays in its metadata', event('batch.failed', { id: newJob() }, { user_metadata: { a: [[1]] } })],
    ['reserved names in its metadata', event('batch.failed', { id: newJob() }, { user_metadata: { __a__: 1 } })],
    ['metadata without a name', event('batch.failed', { id: newJob() }, { user_metadata: { '': 'x' } })],
    ['numbers where texts belong', '{"type":"batch.failed","timestamp":5,"data":{"id":7,"error_message":9}}'],
    ['lists where texts belong', '{"type":"batch.failed","timestamp":[],"data":{"id":[],"output_file_uri":{}}}'],
    ['data that is a list', '{"type":"batch.failed","data":[{"id":"batches/x"}]}'],
    ['data that is null', '{"type":"batch.failed","data":null,"user_metadata":null,"metadata":null}'],
    ['an empty id', event('batch.failed', { id: '' })],
    ['an empty type', event('', { id: newJob() })],
    ['nothing but a type', '{"type":"batch.failed"}'],
    ['a year before our era', event('batch.failed', { id: newJob() }, { timestamp: '-000001-01-01T00:00:00Z' })],
    ['the year 9999', event('batch.failed', { id: newJob() }, { timestamp: '9999-12-31T23:59:59.999999999Z' })],
    ['the year 0000', event('batch.failed', { id: newJob() }, { timestamp: '0000-01-01T00:00:00Z' })],
    ['a time of the far future', event('batch.failed', { id: newJob() }, { timestamp: '+275760-09-13T00:00:00Z' })],
  ];
  test.each(lengthy)('with a strange or long part: %s', async (_name, body) => {
    const id = newId();
    expect(verdict(await callback.v1({ id, body }))).toBe('200 published');
    expect(await callback.delivery(id)).toMatchObject({ state: 'published', bodySha256: sha256(body) });
    expect(formOf(await callback.delivery(id))).toMatch(/^(event|eventJson)$/);
    expect((await callback.message(id)).data.toString()).toBe(body);
  });

  test.each([
    ['types', (n: number) => event(`batch.x${n}${long}`, { id: `${JOB_ID}-types` })],
    ['metadata', (n: number) => event('batch.x', { id: `${JOB_ID}-metadata` }, { user_metadata: { [`k${n}`]: long } })],
    ['errors', (n: number) => event('batch.failed', { id: `${JOB_ID}-e`, error_code: n, error_message: long })],
  ])('six times over for one job with enormous %s, which no job record can hold', async (_name, nth) => {
    for (const n of [1, 2, 3, 4, 5, 6]) {
      const answer = verdict(await callback.v1({ body: nth(n) }));
      expect(`${n}: ${answer}`).toBe(`${n}: 200 published`);
    }
  });
});

describe('what is signed but no event is kept raw and sent to the dead-letter topic', () => {
  test.each([
    ['invalid JSON', '{"type":"batch.succeeded"', 'application/json'],
    ['text', CANARY, 'application/json'],
    ['a string', '"batch.succeeded"', 'application/json'],
    ['a number', '42', 'application/json'],
    ['null', 'null', 'application/json'],
    ['true', 'true', 'application/json'],
    ['an array', '[{"type":"batch.succeeded"}]', 'application/json'],
    ['250 KiB of zeros in an array', zerosAlone(), 'application/json'],
    ['an array 100,000 deep', '['.repeat(100_000) + ']'.repeat(100_000), 'application/json'],
    ['an unclosed array 100,000 deep', '['.repeat(100_000), 'application/json'],
    ['nothing', '', 'application/json'],
    ['nothing, as text', '', 'text/plain'],
    ['an object without type', '{}', 'application/json'],
    ['an object whose type is a number', '{"type":7}', 'application/json'],
    ['an object whose type is null', '{"type":null}', 'application/json'],
    ['a type by prototype only', '{"__proto__":{"type":"batch.succeeded"}}', 'application/json'],
    ['two events', '{"type":"a.b"}\n{"type":"a.b"}', 'application/json'],
  ])('%s', async (_name, body, type) => {
    const id = newId();
    expect(verdict(await callback.v1({ id, body, headers: { 'content-type': type } }))).toBe('200 quarantined');
    const record = await callback.delivery(id);
    expect(formOf(record)).toBe('rawBody');
    expect(record).toMatchObject({
      state: 'quarantined',
      quarantineReason: 'NOT_AN_EVENT',
      bodySha256: sha256(body),
      rawBody: Buffer.from(body),
    });
    const { data, attributes } = await callback.deadLetter(id);
    expect(data.toString()).toBe(body);
    expect(attributes).toEqual({ reason: 'NOT_AN_EVENT', webhook_id: id });
    expect(await callback.messages('gemini-events', id)).toEqual([]);
  });
});

describe('bytes that are not those that were signed, or no text, are refused', () => {
  const text = event('batch.succeeded', { id: newJob(), some: '\ufffd' });
  const invalid = Buffer.from(text.replace('\ufffd', '\u0000')).map((byte) => (byte === 0 ? 0xff : byte));

  test('invalid UTF-8 that would match if it were decoded leniently', async () => {
    const id = newId();
    const timestampSeconds = nowSeconds();
    const headers = webhook(id, timestampSeconds, signV1(SECRET, { id, timestampSeconds, body: text }));
    expect(shown(await callback.send({ headers, body: invalid }))).toStrictEqual(refusal(401, 'SIGNATURE_INVALID'));
    expect(verdict(await callback.send({ headers, body: text }))).toBe('200 published');
  });

  test.each([
    ['a stray byte', invalid],
    ['an overlong slash', Buffer.from([0xc0, 0xaf])],
    ['an encoded surrogate', Buffer.from([0xed, 0xa0, 0x80])],
    ['half a letter at the end', Buffer.from([0x61, 0xc3])],
  ])('invalid UTF-8 although it is signed, in either scheme: %s', async (_name, body) => {
    expect(shown(await callback.v1({ body }))).toStrictEqual(refusal(401, 'SIGNATURE_INVALID'));
    expect(shown(await callback.v1a({ body, key: ED }))).toStrictEqual(refusal(401, 'SIGNATURE_INVALID'));
  });

  test.each(['gzip', 'identity'])('a compressed body, whichever bytes were signed, as %s', async (encoding) => {
    const id = newId();
    const timestampSeconds = nowSeconds();
    const headers = { 'content-type': 'application/json', 'content-encoding': encoding };
    const signature = signV1(SECRET, { id, timestampSeconds, body: text });
    const body = gzipSync(text);
    const overText = await callback.send({
      headers: { ...webhook(id, timestampSeconds, signature), ...headers },
      body,
    });
    expect(shown(overText)).toStrictEqual(refusal(401, 'SIGNATURE_INVALID'));
    expect(shown(await callback.v1({ id, body, headers }))).toStrictEqual(refusal(401, 'SIGNATURE_INVALID'));
  });

  test('a JSON body that was written anew on its way', async () => {
    const id = newId();
    const timestampSeconds = nowSeconds();
    const headers = webhook(id, timestampSeconds, signV1(SECRET, { id, timestampSeconds, body: text }));
    const rewritten = JSON.stringify(JSON.parse(text), null, 1);
    expect(shown(await callback.send({ headers, body: rewritten }))).toStrictEqual(refusal(401, 'SIGNATURE_INVALID'));
  });
});

test('nothing secret and no payload stands in the output', () => {
  expect(callback.leaks()).toEqual([]);
});

function zerosAlone(): string {
  return `[${'0,'.repeat(125 * 1_024)}0]`;
}
