import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Firestore } from '@google-cloud/firestore';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { spawnFunction } from '../../../local/functions.ts';
import { type JwksServer, startJwks } from '../../support/jwks.ts';
import { freePort } from '../../../local/process.ts';
import {
  Callback,
  dynamicPath,
  event,
  JWKS,
  newId,
  newJob,
  nowSeconds,
  ROUTE_KEY,
  SECRET,
  verdict,
} from './support.ts';

let folder: string;
let jwks: JwksServer;
let junkFile: string;
let keyFile: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contract-config-'));
  junkFile = join(folder, 'junk');
  keyFile = join(folder, 'key');
  await Promise.all([writeFile(junkFile, 'zz-junk-in-a-file'), writeFile(keyFile, 'zz-short-key')]);
  jwks = await startJwks(JWKS);
});
afterAll(async () => await Promise.all([jwks.close(), rm(folder, { recursive: true })]));

interface Stop {
  readonly exitCode: number;
  readonly output: string;
  /** The critical lines that speak of any variable. */
  readonly messages: readonly string[];
}

/** Starts a function that must fail to start. If it starts, stops it; its exit code is 0 then. */
async function stop(env: NodeJS.ProcessEnv): Promise<Stop> {
  const { FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST } = process.env;
  const port = String(await freePort());
  const surroundings = { GOOGLE_CLOUD_PROJECT: 'demo-config', FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST };
  const running = await spawnFunction('geminiCallback', { ...surroundings, PORT: port, ...env });
  let served = false;
  const end = setInterval(() => {
    void answers(port).then(async (yes) => {
      served ||= yes;
      return yes && (await running.end('SIGKILL'));
    });
  }, 100);
  const exitCode = await running.exited;
  clearInterval(end);
  const output = running.output();
  const critical = running.log.filter(({ severity }) => severity === 'CRITICAL');
  const messages = critical.map(({ message }) => String(message)).filter((message) => /[A-Z]_[A-Z]/.test(message));
  return { exitCode: served ? 0 : exitCode, output, messages };
}

async function answers(port: string): Promise<boolean> {
  return await fetch(`http://127.0.0.1:${port}/`).then(
    () => true,
    () => false,
  );
}

const VARIABLES = [
  'WEBHOOK_SIGNING_SECRET',
  'WEBHOOK_SIGNING_SECRET_FILE',
  'DYNAMIC_ROUTE_KEY',
  'DYNAMIC_ROUTE_KEY_FILE',
  'GEMINI_JWKS_URL',
  'WEBHOOK_TOLERANCE_SECONDS',
  'DELIVERY_TTL_DAYS',
  'EVENTS_TOPIC',
  'DEAD_LETTER_TOPIC',
  'RESULTS_TOPIC',
  'FIRESTORE_DATABASE',
  'GOOGLE_CLOUD_PROJECT',
  'WEBHOOK_AUDIENCE',
  'FIRESTORE_EMULATOR_HOST',
  'PUBSUB_EMULATOR_HOST',
];

const GOOD = { WEBHOOK_SIGNING_SECRET: SECRET, DYNAMIC_ROUTE_KEY: ROUTE_KEY };
const example = (name: string): RegExp => new RegExp(`${name}\\b[^\\n]*(example|e\\.g\\.|such as)[^\\n]*\\S`, 'i');

describe.concurrent('a bad environment stops the function with one message', () => {
  test.each([
    ['a secret without its prefix', 'WEBHOOK_SIGNING_SECRET', 'MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY='],
    ['a secret that is no base64', 'WEBHOOK_SIGNING_SECRET', 'whsec_zz%not-base64%zz-not-base64-at-all'],
    ['one bad secret of two', 'WEBHOOK_SIGNING_SECRET', `${SECRET} zz-secret`],
    ['a secret of no bytes', 'WEBHOOK_SIGNING_SECRET', 'whsec_'],
    ['a file of secrets that is not there', 'WEBHOOK_SIGNING_SECRET_FILE', '/zz/no/such/file'],
    ['a folder instead of a file', 'WEBHOOK_SIGNING_SECRET_FILE', '/'],
    ['a route key of 31 characters', 'DYNAMIC_ROUTE_KEY', 'zz'.padEnd(31, 'k')],
    ['one short route key of two', 'DYNAMIC_ROUTE_KEY', `${ROUTE_KEY},zz-short`],
    ['a file of route keys that is not there', 'DYNAMIC_ROUTE_KEY_FILE', '/zz/no/such/key'],
    ['a JWKS address that is no URL', 'GEMINI_JWKS_URL', 'zz-not-a-url'],
    ['a JWKS address of another protocol', 'GEMINI_JWKS_URL', 'ftp://zz.example.test/jwks.json'],
    ['a tolerance in words', 'WEBHOOK_TOLERANCE_SECONDS', 'zz-five-minutes'],
    ['a tolerance with a unit', 'WEBHOOK_TOLERANCE_SECONDS', '6abc'],
    ['a negative tolerance', 'WEBHOOK_TOLERANCE_SECONDS', '-77'],
    ['a tolerance with a fraction', 'WEBHOOK_TOLERANCE_SECONDS', '77.5'],
    ['a TTL of one day', 'DELIVERY_TTL_DAYS', '1'],
    ['a TTL of no days', 'DELIVERY_TTL_DAYS', '0'],
    ['a TTL with a unit', 'DELIVERY_TTL_DAYS', '77d'],
    ['a topic with a blank', 'EVENTS_TOPIC', 'zz events'],
    ['a topic with a full name', 'EVENTS_TOPIC', 'projects/zz/topics/gemini-events'],
    ['a topic of two letters', 'DEAD_LETTER_TOPIC', 'zz'],
    ['a results topic with a blank', 'RESULTS_TOPIC', 'zz results'],
    ['a database that cannot be one', 'FIRESTORE_DATABASE', 'ZZ Database!'],
    ['a project that cannot be one', 'GOOGLE_CLOUD_PROJECT', 'zz project/x'],
    ['an audience with a blank', 'WEBHOOK_AUDIENCE', 'zz audience'],
    ['a Firestore emulator that is no host', 'FIRESTORE_EMULATOR_HOST', 'zz host'],
    ['a Pub/Sub emulator with a scheme', 'PUBSUB_EMULATOR_HOST', 'http://zz.test:8085'],
  ])('%s: %s', async (_name, name, value) => {
    const { exitCode, output, messages } = await stop({ ...GOOD, [name]: value });
    expect(exitCode).not.toBe(0);
    expect(messages).toHaveLength(1);
    expect(messages[0]).toMatch(example(name));
    const named = VARIABLES.filter((each) => new RegExp(`\\b${each}\\b`).test(messages.join()));
    expect(named).toEqual([name]);
    expect(/zz|77/.test(value) && output.includes(value)).toBe(false);
    expect(output).not.toContain(SECRET);
    expect(output).not.toContain(ROUTE_KEY);
  });

  test('that names every bad variable, and no value of any', async () => {
    const bad = {
      WEBHOOK_SIGNING_SECRET: 'zz-secret',
      WEBHOOK_SIGNING_SECRET_FILE: junkFile,
      DYNAMIC_ROUTE_KEY: 'zz-key',
      DYNAMIC_ROUTE_KEY_FILE: keyFile,
      GEMINI_JWKS_URL: 'zz-url',
      WEBHOOK_TOLERANCE_SECONDS: 'zz-seconds',
      DELIVERY_TTL_DAYS: 'zz-days',
      EVENTS_TOPIC: 'zz/events',
      DEAD_LETTER_TOPIC: 'zz/dead',
      FIRESTORE_DATABASE: 'zz/database',
    };
    const { exitCode, output, messages } = await stop(bad);
    expect(exitCode).not.toBe(0);
    expect(messages).toHaveLength(1);
    for (const name of Object.keys(bad)) expect(messages[0]).toMatch(example(name));
    expect(output).not.toMatch(/zz-|zz\//);
  });

  test('that names both ways to have a secret, where there is none', async () => {
    for (const env of [{}, { WEBHOOK_SIGNING_SECRET: '', DYNAMIC_ROUTE_KEY: '' }]) {
      const { exitCode, messages } = await stop(env);
      expect(exitCode).not.toBe(0);
      expect(messages).toHaveLength(1);
      for (const name of ['WEBHOOK_SIGNING_SECRET', 'DYNAMIC_ROUTE_KEY']) expect(messages[0]).toContain(name);
      expect(messages[0]).toMatch(example('WEBHOOK_SIGNING_SECRET'));
    }
  });
});

describe.concurrent('the function starts', () => {
  test('with a static secret only, or a route key only', async () => {
    const secret = await Callback.start({ WEBHOOK_SIGNING_SECRET: SECRET });
    expect(verdict(await secret.v1())).toBe('200 published');
    await secret.close();
    const key = await Callback.start({ DYNAMIC_ROUTE_KEY: 'k'.repeat(32), GEMINI_JWKS_URL: jwks.url.href });
    expect(verdict(await key.v1a({ path: dynamicPath('nightly', 'k'.repeat(32)) }))).toBe('200 published');
    await key.close();
  });

  test('with other topics, another database, another tolerance and another time to live', async () => {
    const callback = await Callback.start({
      ...GOOD,
      EVENTS_TOPIC: 'gemini-results',
      DEAD_LETTER_TOPIC: 'gemini-events',
      FIRESTORE_DATABASE: 'other-database',
      WEBHOOK_TOLERANCE_SECONDS: '60',
      DELIVERY_TTL_DAYS: '2',
    });
    const [id, junk] = [newId(), newId()];
    const body = event('batch.succeeded', { id: newJob() });
    expect(verdict(await callback.v1({ id, body, timestampSeconds: nowSeconds() - 58 }))).toBe('200 published');
    expect(verdict(await callback.v1({ timestampSeconds: nowSeconds() - 61 }))).toBe('401 TIMESTAMP_OUT_OF_TOLERANCE');
    expect(verdict(await callback.v1({ id: junk, body: 'no event' }))).toBe('200 quarantined');
    expect(await callback.messages('gemini-results', id)).toHaveLength(1);
    expect(await callback.messages('gemini-events', junk)).toHaveLength(1);
    expect(await callback.messages('gemini-dead-letter')).toEqual([]);
    expect(await callback.delivery(id)).toBeUndefined();
    const other = new Firestore({ projectId: callback.project.projectId, databaseId: 'other-database' });
    const record = (await other.doc(`deliveries/${id}`).get()).data();
    await other.terminate();
    const days = (record?.['expireAt'].toMillis() - record?.['firstReceivedAt'].toMillis()) / 86_400_000;
    expect(days).toBeCloseTo(2, 2);
    await callback.close();
  });
});
