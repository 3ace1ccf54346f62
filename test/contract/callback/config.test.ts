import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Firestore } from '@google-cloud/firestore';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { spawnFunction } from '../../../local/functions.ts';
import { freePort } from '../../../local/process.ts';
import { type JwksServer, startJwks } from '../../support/jwks.ts';
import { dynamicPath, event, JWKS, newId, newJob, nowSeconds, ROUTE_KEY, SECRET } from './sender.ts';
import { Callback, verdict } from './support.ts';

let folder: string;
let jwks: JwksServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contract-config-'));
  jwks = await startJwks(JWKS);
});
afterAll(async () => await Promise.all([jwks.close(), rm(folder, { recursive: true })]));

/** Starts a function that must stop, and returns its exit code, its output and its messages about variables. */
async function stopped(env: NodeJS.ProcessEnv) {
  const { FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST } = process.env;
  const surroundings = { GOOGLE_CLOUD_PROJECT: 'demo-config', FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST };
  const running = await spawnFunction('geminiCallback', { ...surroundings, PORT: String(await freePort()), ...env });
  const exitCode = await Promise.race([running.exited, sleep(10_000, 'it still runs')]);
  await running.end('SIGKILL');
  const critical = running.log.filter(({ severity }) => severity === 'CRITICAL');
  const messages = critical.map(({ message }) => String(message)).filter((message) => /[A-Z]_[A-Z]/.test(message));
  return { exitCode, output: running.output(), messages };
}

const example = (name: string): RegExp => new RegExp(`${name}\\b[^\\n]*for example[^\\n]*\\S`, 'i');

/** The rules of each variable: test/unit/functions/callback/config. */
describe.concurrent('the function does not start', () => {
  test('with bad variables: one message names each, with an example and without its value', async () => {
    const [secretFile, keyFile] = [join(folder, 'secret'), join(folder, 'key')];
    await Promise.all([writeFile(secretFile, 'zz-secret-in-a-file'), writeFile(keyFile, 'zz-short-key')]);
    const bad = {
      WEBHOOK_SIGNING_SECRET: `${SECRET} zz-secret`,
      WEBHOOK_SIGNING_SECRET_FILE: secretFile,
      DYNAMIC_ROUTE_KEY: `${ROUTE_KEY},zz-key`,
      DYNAMIC_ROUTE_KEY_FILE: keyFile,
      GEMINI_JWKS_URL: 'zz-url',
      WEBHOOK_AUDIENCE: 'zz- audience',
      WEBHOOK_TOLERANCE_SECONDS: 'zz-seconds',
      DELIVERY_TTL_DAYS: 'zz-days',
      EVENTS_TOPIC: 'zz-/events',
      RESULTS_TOPIC: 'zz-/results',
      DEAD_LETTER_TOPIC: 'zz-/dead',
      FIRESTORE_DATABASE: 'zz-/database',
      GOOGLE_CLOUD_PROJECT: 'zz-/project',
      FIRESTORE_EMULATOR_HOST: 'zz- host',
      PUBSUB_EMULATOR_HOST: 'http://zz-host:1',
    };
    const { exitCode, output, messages } = await stopped(bad);
    expect(exitCode).toBeGreaterThan(0);
    expect(messages).toHaveLength(1);
    for (const name of Object.keys(bad)) expect(messages[0]).toMatch(example(name));
    for (const value of ['zz-', SECRET, ROUTE_KEY]) expect(output).not.toContain(value);
  });

  test.each([{}, { WEBHOOK_SIGNING_SECRET: '', DYNAMIC_ROUTE_KEY: '' }])(
    'without a secret: the message names both kinds, %j',
    async (env) => {
      const { exitCode, messages } = await stopped(env);
      expect(exitCode).toBeGreaterThan(0);
      expect(messages).toHaveLength(1);
      expect(messages[0]).toContain('DYNAMIC_ROUTE_KEY');
      expect(messages[0]).toMatch(/WEBHOOK_SIGNING_SECRET\b[^\n]*(example|e\.g\.|such as)[^\n]*\S/i);
    },
  );
});

describe.concurrent('the function starts', () => {
  test('with a signing secret only', async () => {
    const callback = await Callback.start({ WEBHOOK_SIGNING_SECRET: SECRET });
    expect(verdict(await callback.v1())).toBe('200 published');
    await callback.close();
  });

  test('with a route key only', async () => {
    const key = 'k'.repeat(32);
    const callback = await Callback.start({ DYNAMIC_ROUTE_KEY: key, GEMINI_JWKS_URL: jwks.url.href });
    expect(verdict(await callback.v1a({ path: dynamicPath('nightly', key) }))).toBe('200 published');
    await callback.close();
  });

  test('with other topics, another database, another tolerance and another time to live', async () => {
    const callback = await Callback.start({
      WEBHOOK_SIGNING_SECRET: SECRET,
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
