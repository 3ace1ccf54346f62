import { spawnSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Script } from 'node:vm';
import { codeCachedRequire, codeCacheOf } from '../functions/runtime/codeCache.ts';

/**
 * Makes the code cache of the built bundle: serves each function once, sends it a request, and writes what V8 has compiled
 * by then. Its backends do not exist, so a request ends in an error after the clients are set up and have sent it.
 */
const DIST = join(import.meta.dirname, '../dist');
const NOWHERE = '127.0.0.1:1';
/** The answer itself comes when the calls to the backends time out. */
const TRAINING_MILLIS = 2_000;
/** Each function's process gets it from the environment. */
const SECRET = process.env['TRAINING_SECRET'] ?? randomBytes(32).toString('base64');
const EVENT = JSON.stringify({
  type: 'batch.succeeded',
  version: 'v1',
  timestamp: '2026-01-01T00:00:00Z',
  data: { id: 'batches/training', output_file_uri: 'files/training' },
  user_metadata: { team: 'training' },
});

const ENVIRONMENT = {
  TRAINING_SECRET: SECRET,
  GOOGLE_CLOUD_PROJECT: 'training',
  FIRESTORE_EMULATOR_HOST: NOWHERE,
  PUBSUB_EMULATOR_HOST: NOWHERE,
  METADATA_SERVER_DETECTION: 'none',
  WEBHOOK_SIGNING_SECRET: `whsec_${SECRET}`,
  DYNAMIC_ROUTE_KEY: SECRET,
  GEMINI_API_KEY: 'training',
  GOOGLE_GEMINI_BASE_URL: `http://${NOWHERE}/`,
  CALLBACK_URL: 'https://training.example/',
};

const PUSH = JSON.stringify({
  message: { data: Buffer.from(EVENT).toString('base64'), attributes: { job_id: 'batches/training' }, messageId: '1' },
  subscription: 'projects/training/subscriptions/training',
});

/** The body of the request to each function. */
const REQUESTS: Readonly<Record<string, string>> = {
  geminiCallback: EVENT,
  fetchResults: PUSH,
  reconcileJobs: '{}',
  submitJob: JSON.stringify({
    kind: 'interaction',
    route: 'training',
    request: { model: 'training', input: 'training' },
  }),
};

function webhookHeaders(body: string): Record<string, string> {
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const signature = createHmac('sha256', Buffer.from(SECRET, 'base64')).update(`training.${timestamp}.${body}`);
  return {
    'webhook-id': 'training',
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${signature.digest('base64')}`,
  };
}

/** Serves one function in this process and sends it a request. */
async function train(target: string): Promise<void> {
  const scripts = new Map<string, Script>();
  codeCachedRequire(DIST, (file, script) => scripts.set(file, script))('functions.cjs');
  const server = http.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const body = REQUESTS[target] ?? '';
  const headers = { 'content-type': 'application/json', ...webhookHeaders(body) };
  const answer = fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body });
  const status = await Promise.race([answer.then((response) => response.status), sleep(TRAINING_MILLIS, 503)]);
  if (status < 500) throw new Error(`${target} answered the training with ${status}, which trains little.`);
  for (const [file, script] of scripts) writeFileSync(codeCacheOf(file), script.createCachedData());
  process.exit(0);
}

const [, , target] = process.argv;
if (target !== undefined) await train(target);
// Each function adds to the caches of those before it.
for (const each of Object.keys(REQUESTS)) {
  const env = { ...process.env, ...ENVIRONMENT, FUNCTION_TARGET: each };
  const { status, stderr } = spawnSync(process.execPath, [import.meta.filename, each], { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`The training of ${each} failed:\n${stderr}`);
  console.log(`Trained the code cache with ${each}.`);
}
