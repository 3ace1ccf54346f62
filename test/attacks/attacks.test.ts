import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { publicJwk, signV1a } from '../../simulator/signing.ts';
import { usageOf } from '../bench/measure.ts';
import { CANARY, FOREIGN_ED } from '../contract/callback/sender.ts';
import { type Answer, Callback, callbackForFile, expectRefusal, verdict } from '../contract/callback/support.ts';
import { type JwksServer, startJwks } from '../support/jwks.ts';
import { type Attack, type Fill, filling, type Genuine, genuineOf, readCorpus, requestOf } from './forgery.ts';
import { exchange } from './raw.ts';

const callback = await callbackForFile();

/** A key server of the attacker. */
let recorder: JwksServer;
/** Webhook-ids of genuine deliveries, the only ones that may leave records or messages. */
const accepted = new Map<string, string[]>();

beforeAll(async () => void (recorder = await startJwks([publicJwk(FOREIGN_ED)])));
afterAll(async () => await recorder.close());

async function send(attack: Attack, genuine: Genuine, fill: Fill, to = callback): Promise<Answer> {
  for (const text of ['{v1}', '{v1a}', '{token}', '{mac}']) to.keepSecret(fill(text));
  const answer = await exchange(to.running.url, requestOf(attack, genuine, fill), attack.pace);
  const { webhookId } = (answer.body ?? {}) as { webhookId?: string };
  const isKept = verdict(answer) === '401 TIMESTAMP_OUT_OF_TOLERANCE';
  const id = webhookId ?? (isKept ? genuine.id : undefined);
  if (id !== undefined) accepted.set(id, [...(accepted.get(id) ?? []), verdict(answer)]);
  return answer;
}

test.concurrent.each(readCorpus())('$name: $expected', async ({ expected, attack }) => {
  const genuine = genuineOf(attack);
  const fill = filling(genuine, attack, recorder.url.href);
  const { from = 'v1', token = {}, again } = attack;
  if (again) await send({ from, token }, genuine, fill);
  const answer = await send(attack, genuine, fill);
  expect(verdict(answer)).toBe(expected);
  const [status, reason = ''] = expected.split(' ', 2);
  if (/^[A-Z_]+$/.test(reason)) expectRefusal(answer, Number(status), reason);
  expect(answer.text).not.toContain(CANARY);
  expect(answer.millis).toBeLessThan(attack.millis ?? 5_000);
});

/** The parts that each scheme signs. */
const SIGNED = {
  v1: ['webhook-id', 'webhook-timestamp', 'webhook-signature', 'body'],
  v1a: ['webhook-id', 'webhook-timestamp', 'webhook-signature', 'body', 'path'],
  jwt: ['webhook-signature', 'path'],
} as const;

type Scheme = keyof typeof SIGNED;
type Part = (typeof SIGNED)[Scheme][number];

const CHANGES: Readonly<Record<string, (text: string, at: number, character: string) => readonly string[]>> = {
  substitute: (text, at, character) => [text.slice(0, at) + character + text.slice(at + 1)],
  insert: (text, at, character) => [text.slice(0, at) + character + text.slice(at)],
  remove: (text, at) => [text.slice(0, at) + text.slice(at + 1)],
  repeat: (text, at) => [text.slice(0, at + 1) + text.slice(at)],
  cutOff: (text, at) => [text.slice(0, at)],
  double: (text) => [text, text],
};

/** True where the signed parts are unchanged; white space around a value and the start of a path are not signed. */
function isStillSigned(part: Part, original: string, values: readonly string[]): boolean {
  if (part === 'webhook-signature') return values.some((value) => value.split(/\s/).includes(original));
  if (part === 'path') return values.join('').split('?', 1)[0]?.trim().endsWith(original) ?? false;
  return part !== 'body' && values.length === 1 && values[0]?.trim() === original;
}

test('a genuine delivery that is altered in any way is accepted only where the signed parts are unchanged', async () => {
  const signedParts = Object.entries(SIGNED).flatMap(([from, parts]) => parts.map((part) => ({ from, part })));
  const alterations = fc.record({
    signed: fc.constantFrom(...(signedParts as { from: Scheme; part: Part }[])),
    change: fc.constantFrom(...Object.keys(CHANGES)),
    place: fc.double({ min: 0, max: 1, noNaN: true }),
    character: fc.oneof(fc.stringMatching(/^[ -~]$/), fc.constantFrom('\t', '\0', '\r', '\n', '\u007f', 'é')),
  });
  await fc.assert(
    fc.asyncProperty(alterations, async ({ signed: { from, part }, change, place, character }) => {
      const genuine = genuineOf();
      const fill = filling(genuine, {}, recorder.url.href);
      const texts: Readonly<Record<Part, string>> = {
        'webhook-id': '{id}',
        'webhook-timestamp': '{ts}',
        'webhook-signature': from === 'jwt' ? '{token}' : `${from},{${from}}`,
        body: '{body}',
        path: '{path}',
      };
      const original = fill(texts[part]);
      const values = CHANGES[change]?.(original, Math.round(place * original.length), character) ?? [];
      fc.pre(values.join() !== original);
      const name = part.replace('webhook-', '');
      const altered = { [name]: name === part ? values.join('') : values };
      const answer = await send({ from, ...altered }, genuine, fill);
      expect(answer.status).toBeOneOf([200, 400, 401]);
      expect(answer.status !== 200 || isStillSigned(part, original, values)).toBe(true);
    }),
    { numRuns: 500 },
  );
}, 120_000);

test('twenty copies at once over two instances are one message', async () => {
  const second = await Callback.start(callback.env, callback.project);
  const genuine = genuineOf();
  const fill = filling(genuine, {}, recorder.url.href);
  const copies = Array.from({ length: 20 }, async (_, n) => {
    for (;;) {
      const answer = await send({ from: 'v1a' }, genuine, fill, n % 2 === 0 ? callback : second);
      if (answer.status !== 503) return verdict(answer);
      await sleep(300 * Math.random());
    }
  });
  const verdicts = await Promise.all(copies);
  await second.close();
  expect(verdicts.toSorted()).toEqual([...Array<string>(19).fill('200 duplicate'), '200 published']);
});

test('a connection that is reset before its answer disturbs no other', async () => {
  const { hostname, port } = new URL(callback.running.url);
  for (const method of ['CONNECT', 'BREW', 'POST']) {
    for (let n = 0; n < 50; n++) {
      const socket = connect({ host: hostname, port: Number(port) });
      await once(socket, 'connect');
      socket.write(`${method} other.example.test:443 HTTP/1.1\r\nhost: x\r\n\r\n`, () => socket.resetAndDestroy());
    }
  }
  expect(verdict(await callback.send({ method: 'GET' }))).toBe('405 METHOD_NOT_ALLOWED');
});

test.skipIf(process.platform !== 'linux')(
  'the most expensive requests take little memory and time',
  async () => {
    const { url, pid } = callback.running;
    const genuine = genuineOf();
    const fill = filling(genuine, {}, recorder.url.href);
    const entries = Array.from({ length: 32 }, (_, n) => signV1a(FOREIGN_ED, { ...genuine, timestampSeconds: n }));
    const forged = { set: { 'webhook-signature': entries.join(' ') }, body: '{repeat:262144:a}' };
    const endless = requestOf({ body: '{repeat:20000000:a}', chunked: true }, genuine, fill);
    const deep = { event: '{repeat:260000:[}' };
    const before = usageOf(pid).peakBytes;
    const answers: Answer[] = [];
    for (let round = 0; round < 25; round++) {
      const signed = genuineOf(deep);
      const sending = [
        send(forged, genuine, fill),
        send(deep, signed, filling(signed, deep, recorder.url.href)),
        ...Array.from({ length: 6 }, async () => await exchange(url, endless)),
      ];
      answers.push(...(await Promise.all(sending)));
    }
    const verdicts = ['401 SIGNATURE_INVALID', '413 BODY_TOO_LARGE', '200 quarantined'];
    expect(new Set(answers.map(verdict))).toEqual(new Set(verdicts));
    expect(Math.max(...answers.map(({ millis }) => millis))).toBeLessThan(5_000);
    expect(usageOf(pid).peakBytes - before).toBeLessThan(160 * 1_048_576);
  },
  120_000,
);

test('only genuine deliveries were recorded and published, and no address of a token was requested', async () => {
  const those = (outcome: string) => [...accepted].flatMap(([id, verdicts]) => (verdicts.includes(outcome) ? id : []));
  const idsOf = async (topic: 'gemini-events' | 'gemini-dead-letter') =>
    (await callback.messages(topic)).map(({ attributes }) => String(attributes['webhook_id'])).toSorted();
  const records = await callback.project.documentIds('deliveries');
  expect(records.toSorted()).toEqual([...accepted.keys()].toSorted());
  expect(await idsOf('gemini-events')).toEqual(those('200 published').toSorted());
  expect(await idsOf('gemini-dead-letter')).toEqual(those('200 quarantined').toSorted());
  expect(recorder.requests()).toBe(0);
  expect(verdict(await callback.v1())).toBe('200 published');
});
