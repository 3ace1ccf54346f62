import { Firestore } from '@google-cloud/firestore';
import { describe, expect, test } from 'vitest';
import { nested } from '../../support/json.ts';
import { CANARY, event, newId, newJob, sha256 } from './sender.ts';
import { callbackForFile, verdict } from './support.ts';

const callback = await callbackForFile();

const JOB_ID = `batches/bodies-${newId()}`;
const LONG = 'x'.repeat(240 * 1_024);
const ZEROS = `[${'0,'.repeat(125 * 1_024)}0]`;

/** An event with another member. */
const eventWith = (member: string): string =>
  event('batch.succeeded', { id: JOB_ID }).replace('"note":', `${member},"note":`);

/** Returns the form in which a record holds its payload, of three. */
function formOf(delivery: object | undefined): string {
  return ['event', 'eventJson', 'rawBody'].filter((field) => delivery && field in delivery).join();
}

/** Sends an event, expects its exact bytes in the record's hash and in the message, and returns the record. */
async function publish(body: string, headers: Record<string, string> = {}) {
  const id = newId();
  expect(verdict(await callback.v1({ id, body, headers }))).toBe('200 published');
  expect((await callback.message(id)).data.toString()).toBe(body);
  const record = await callback.delivery(id);
  expect(record).toMatchObject({ state: 'published', bodySha256: sha256(body) });
  return record;
}

describe('an event is published byte for byte', () => {
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
  ])('with any headers: %s', async (_name, headers) => {
    const body = event('batch.succeeded', { id: newJob(), größe: '❌' }).replace('{', '{ \n');
    expect(await publish(body, headers)).toMatchObject({ event: JSON.parse(body) });
  });

  test.each([
    ['duplicate keys, of which the last counts', '"twice":1,"twice":2'],
    ["names of an object's own members", '"constructor":1,"toString":{"a":1},"hasOwnProperty":null'],
    ['dots, slashes, blanks and backticks in names', '"a.b/c d`e*~[]":{"..":1}'],
    ['null, true, false and fractions', '"some":[null,true,false,-0.5,0.1,1e-7,-1.5e-300]'],
    ['arrays of maps of arrays', '"some":[{"a":[1,{"b":[2]}]}]'],
    ['text beyond the first plane, and NUL', '"some":"😀\\u0000\\ud83d\\ude00"'],
    ['the greatest safe integer', '"some":9007199254740991'],
  ])('and recorded as a map: %s', async (_name, member) => {
    const body = eventWith(member);
    const record = await publish(body);
    expect(formOf(record)).toBe('event');
    expect(record?.['event']).toEqual(JSON.parse(body));
  });

  test.each([
    ['nested arrays', '"some":[[1]]'],
    ['arrays nested 100,000 deep', `"some":${nested(100_000)}`],
    ['maps nested 30,000 deep', `"some":${'{"a":'.repeat(30_000)}1${'}'.repeat(30_000)}`],
    ['maps nested 21 deep', `"some":${'{"a":'.repeat(21)}1${'}'.repeat(21)}`],
    ['250 KiB of numbers, which Firestore counts as a megabyte', `"some":${ZEROS}`],
    ['a reserved name', '"__name__":1'],
    ['a reserved name further down', '"some":[{"a":{"__x__":1}}]'],
    ['a field __proto__', '"__proto__":{"type":"other"}'],
    ['a field without a name', '"":1'],
    ['a name of 1,501 bytes', `"${'n'.repeat(1_501)}":1`],
    ['a lone surrogate in a text', '"some":"\\ud800"'],
    ['a lone surrogate in a name', '"\\udc00":1'],
    ['a number that is no longer itself as a double', '"some":9007199254740993'],
    ['a number beyond all doubles', '"some":1e400'],
  ])('and recorded as text where Firestore cannot hold a map: %s', async (_name, member) => {
    const body = eventWith(member);
    const record = await publish(body);
    expect(formOf(record)).toBe('eventJson');
    expect(record).toMatchObject({ eventJson: body });
  });

  test('and integers of 64 bits keep their digits', async () => {
    const body = eventWith('"some":-9007199254740995');
    const id = newId();
    await callback.v1({ id, body });
    const exact = new Firestore({ projectId: callback.project.projectId, useBigInt: true });
    const record = (await exact.doc(`deliveries/${id}`).get()).data();
    await exact.terminate();
    expect(record?.['eventJson'] ?? record?.['event'].some).toBeOneOf([body, -9_007_199_254_740_995n]);
  });

  const failed = (data: object, rest: object = {}) => event('batch.failed', { id: newJob(), ...data }, rest);
  test.each([
    ['a type', event(LONG, { id: newJob() })],
    ['a type of two-byte letters', event('é'.repeat(120 * 1_024), { id: newJob() })],
    ['a job id', failed({ id: LONG })],
    ['an error message', failed({ error_code: 3, error_message: LONG })],
    ['an error code', failed({ error_code: LONG })],
    ['an output URI', event('video.generated', { id: newJob('x'), output_file_uri: LONG, file_name: 'files/x' })],
    ['a metadata value', failed({}, { user_metadata: { some: LONG, other: 'short' } })],
    ['a metadata key', failed({}, { user_metadata: { [LONG]: 'some' } })],
    ['a timestamp', failed({}, { timestamp: LONG })],
  ])('with a part of 240 KiB: %s', async (_name, body) => {
    expect(formOf(await publish(body))).toMatch(/^(event|eventJson)$/);
  });

  test.each([
    ['a lone surrogate in its job id', failed({ id: 'a\ud800b' })],
    ['a lone surrogate in its type', event('batch.fai\udc00led', { id: newJob() })],
    ['a lone surrogate in its error', failed({ error_message: '\ud800' })],
    ['a lone surrogate in its metadata', failed({}, { user_metadata: { a: '\ud800' } })],
    ['nested arrays in its metadata', failed({}, { user_metadata: { a: [[1]] } })],
    ['reserved names in its metadata', failed({}, { user_metadata: { __a__: 1 } })],
    ['metadata without a name', failed({}, { user_metadata: { '': 'x' } })],
    ['numbers where texts belong', '{"type":"batch.failed","timestamp":5,"data":{"id":7,"error_message":9}}'],
    ['lists where texts belong', '{"type":"batch.failed","timestamp":[],"data":{"id":[],"output_file_uri":{}}}'],
    ['data that is a list', '{"type":"batch.failed","data":[{"id":"batches/x"}]}'],
    ['data that is null', '{"type":"batch.failed","data":null,"user_metadata":null,"metadata":null}'],
    ['an empty id', failed({ id: '' })],
    ['an empty type', event('', { id: newJob() })],
    ['nothing but a type', '{"type":"batch.failed"}'],
    ['a year before our era', failed({}, { timestamp: '-000001-01-01T00:00:00Z' })],
    ['the year 9999', failed({}, { timestamp: '9999-12-31T23:59:59.999999999Z' })],
    ['the year 0000', failed({}, { timestamp: '0000-01-01T00:00:00Z' })],
    ['a time in the far future', failed({}, { timestamp: '+275760-09-13T00:00:00Z' })],
  ])('with a malformed part: %s', async (_name, body) => {
    expect(formOf(await publish(body))).toMatch(/^(event|eventJson)$/);
  });

  test.each([
    ['types', (n: number) => event(`batch.x${n}${LONG}`, { id: `${JOB_ID}-types` })],
    ['metadata', (n: number) => event('batch.x', { id: `${JOB_ID}-metadata` }, { user_metadata: { [`k${n}`]: LONG } })],
    ['errors', (n: number) => failed({ id: `${JOB_ID}-errors`, error_code: n, error_message: LONG })],
  ])('six times for one job, whose record could not hold their %s', async (_name, nth) => {
    for (const n of [1, 2, 3, 4, 5, 6]) {
      expect([n, verdict(await callback.v1({ body: nth(n) }))]).toEqual([n, '200 published']);
    }
  });
});

test('an event behind a byte order mark is published or quarantined, byte for byte', async () => {
  const id = newId();
  const body = `\ufeff${event('batch.succeeded', { id: newJob() })}`;
  expect(verdict(await callback.v1({ id, body }))).toMatch(/^200 (published|quarantined)$/);
  const topics = ['gemini-events', 'gemini-dead-letter'] as const;
  const messages = await Promise.all(topics.map(async (topic) => await callback.messages(topic, id)));
  expect(messages.flat().map(({ data }) => data.toString())).toEqual([body]);
});

test.each([
  ['invalid JSON', '{"type":"batch.succeeded"'],
  ['text', CANARY],
  ['a string', '"batch.succeeded"'],
  ['null', 'null'],
  ['an array', '[{"type":"batch.succeeded"}]'],
  ['250 KiB of zeros in an array', ZEROS],
  ['an array 100,000 deep', nested(100_000)],
  ['an unclosed array 100,000 deep', '['.repeat(100_000)],
  ['no bytes', ''],
  ['an object without type', '{}'],
  ['an object whose type is a number', '{"type":7}'],
  ['a type by prototype only', '{"__proto__":{"type":"batch.succeeded"}}'],
  ['two events', '{"type":"a.b"}\n{"type":"a.b"}'],
])('a signed body that is not an event is kept raw and sent to the dead-letter topic: %s', async (_name, body) => {
  const id = newId();
  expect(verdict(await callback.v1({ id, body }))).toBe('200 quarantined');
  const record = await callback.delivery(id);
  expect(formOf(record)).toBe('rawBody');
  const quarantined = { state: 'quarantined', quarantineReason: 'NOT_AN_EVENT' };
  expect(record).toMatchObject({ ...quarantined, bodySha256: sha256(body), rawBody: Buffer.from(body) });
  const { data, attributes } = await callback.deadLetter(id);
  expect(data.toString()).toBe(body);
  expect(attributes).toEqual({ reason: 'NOT_AN_EVENT', webhook_id: id });
  expect(await callback.messages('gemini-events', id)).toEqual([]);
});
