import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readCallbackConfig } from '../../../../functions/callback/config.ts';

const SECRET = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const ROUTE_KEY = 'r'.repeat(32);
const folder = mkdtempSync(join(tmpdir(), 'config-'));

afterAll(() => rmSync(folder, { recursive: true }));

function fileWith(content: string): string {
  const path = join(folder, `f${Math.random()}`);
  writeFileSync(path, content);
  return path;
}

test('a static secret alone is enough, and the rest has defaults', () => {
  const { signingSecrets, ...config } = readCallbackConfig({ WEBHOOK_SIGNING_SECRET: SECRET });
  expect(signingSecrets.fixed).toEqual([SECRET]);
  expect(config).toMatchObject({
    database: '(default)',
    jwksUrl: new URL('https://generativelanguage.googleapis.com/.well-known/jwks.json'),
    audience: undefined,
    toleranceSeconds: 300,
    ttlDays: 30,
    topics: { events: 'gemini-events', deadLetter: 'gemini-dead-letter' },
  });
});

test('a route key alone is enough, and lists come from variables and files alike', () => {
  expect(readCallbackConfig({ DYNAMIC_ROUTE_KEY: ROUTE_KEY }).routeKeys.fixed).toEqual([ROUTE_KEY]);
  const two = [SECRET, `whsec_${Buffer.alloc(32, 2).toString('base64')}`];
  for (const separator of [',', ' ', '\n', '\t,\r\n ']) {
    const list = two.join(separator);
    const path = fileWith(`${list}\n`);
    const config = readCallbackConfig({ WEBHOOK_SIGNING_SECRET: list, WEBHOOK_SIGNING_SECRET_FILE: path });
    expect(config.signingSecrets).toMatchObject({ fixed: two, file: { path, first: two } });
  }
});

test('zero is a tolerance, and an empty variable is none', () => {
  const read = (seconds: string) =>
    readCallbackConfig({ WEBHOOK_SIGNING_SECRET: SECRET, WEBHOOK_TOLERANCE_SECONDS: seconds });
  expect(read('0').toleranceSeconds).toBe(0);
  expect(read('').toleranceSeconds).toBe(300);
});

test.each([
  ['WEBHOOK_SIGNING_SECRET', 'whsec_'],
  ['WEBHOOK_SIGNING_SECRET', SECRET.slice(6)],
  ['WEBHOOK_SIGNING_SECRET', `whsec_${Buffer.alloc(23).toString('base64')}`],
  ['WEBHOOK_SIGNING_SECRET', `whsec_${Buffer.alloc(65).toString('base64')}`],
  ['WEBHOOK_SIGNING_SECRET', `${SECRET} nonsense`],
  ['WEBHOOK_SIGNING_SECRET', ' , '],
  ['WEBHOOK_SIGNING_SECRET_FILE', '/nowhere/at/all'],
  ['WEBHOOK_SIGNING_SECRET_FILE', fileWith('nonsense')],
  ['WEBHOOK_SIGNING_SECRET_FILE', fileWith('')],
  ['DYNAMIC_ROUTE_KEY', 'r'.repeat(31)],
  ['DYNAMIC_ROUTE_KEY_FILE', fileWith('short')],
  ['FIRESTORE_DATABASE', 'Not A Database'],
  ['GEMINI_JWKS_URL', 'not a url'],
  ['GEMINI_JWKS_URL', 'ftp://example.test/jwks'],
  ['GEMINI_JWKS_URL', 'http://example.test/jwks'],
  ['WEBHOOK_TOLERANCE_SECONDS', '5m'],
  ['WEBHOOK_TOLERANCE_SECONDS', '-1'],
  ['WEBHOOK_TOLERANCE_SECONDS', '1.5'],
  ['WEBHOOK_TOLERANCE_SECONDS', '1e3'],
  ['DELIVERY_TTL_DAYS', '1'],
  ['DELIVERY_TTL_DAYS', 'abc'],
  ['EVENTS_TOPIC', 'a'],
  ['EVENTS_TOPIC', 'projects/p/topics/t'],
  ['DEAD_LETTER_TOPIC', 'goog-topic'],
  ['WEBHOOK_AUDIENCE', 'an audience'],
  ['WEBHOOK_SIGNING_SECRET', 'whsec_%%not-base64%%not-base64-at-all'],
  ['DYNAMIC_ROUTE_KEY', `${ROUTE_KEY},short`],
])('a bad %s is named, with an example and without its value: %o', (name, value) => {
  const read = () =>
    readCallbackConfig({ WEBHOOK_SIGNING_SECRET: SECRET, GOOGLE_CLOUD_PROJECT: 'demo', [name]: value });
  expect(read).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(`- ${name} `) }),
  );
  expect(read).toThrow(expect.objectContaining({ message: expect.stringContaining(`for example ${name}=`) }));
  expect(read).not.toThrow(value.length > 'whsec_'.length ? value : 'never said');
});

test('one error names every bad variable', () => {
  const bad = {
    DYNAMIC_ROUTE_KEY: 'short',
    WEBHOOK_TOLERANCE_SECONDS: 'x',
    EVENTS_TOPIC: '!',
    PUBSUB_EMULATOR_HOST: 'localhost:1',
  };
  for (const name of ['DYNAMIC_ROUTE_KEY', 'WEBHOOK_TOLERANCE_SECONDS', 'EVENTS_TOPIC', 'GOOGLE_CLOUD_PROJECT']) {
    expect(() => readCallbackConfig(bad)).toThrow(`- ${name} `);
  }
});

test('without any secret the function does not start', () => {
  expect(() => readCallbackConfig({})).toThrow(/WEBHOOK_SIGNING_SECRET or one of .*DYNAMIC_ROUTE_KEY_FILE must be set/);
});
