import {
  createHmac,
  generateKeyPairSync,
  randomBytes,
  sign,
  timingSafeEqual,
  verify as verifyBytes,
} from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Firestore } from '@google-cloud/firestore';
import { PublisherClient } from '@google-cloud/pubsub-api/build/src/v1/publisher_client.js';
import { SignJWT } from 'jose';
import { importKey } from '../../functions/callback/publicKey.ts';
import { v1Signer } from '../../functions/callback/v1.ts';
import type { SignedRequest, Trust } from '../../functions/callback/signedRequest.ts';
import { verify } from '../../functions/callback/verify.ts';
import { publishClaimed } from '../../functions/messaging/publishClaimed.ts';
import { Publisher } from '../../functions/messaging/publisher.ts';
import type { Delivery } from '../../functions/model/delivery.ts';
import { reconciledDelivery } from '../../functions/model/reconciledDelivery.ts';
import { signRoute } from '../../functions/model/route.ts';
import { Deadline } from '../../functions/runtime/deadline.ts';
import { Log } from '../../functions/observability/log.ts';
import { Deliveries } from '../../functions/store/deliveries.ts';
import { connectFirestore } from '../../functions/store/firestore.ts';
import { startFunction } from '../../local/functions.ts';
import { LocalProject } from '../../local/project.ts';
import type { Figure, Section } from './measure.ts';
import { straightforward } from './straightforward.ts';

const VERIFICATIONS = 2_000;

/** Microseconds of processor time for one, by each scheme, beside what `node:crypto` alone takes for it. */
export async function benchVerification(rounds: number): Promise<Section> {
  const secret = randomBytes(32);
  const routeKey = 'a-route-key-of-at-least-32-characters';
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const [key] = importKey({ ...publicKey.export({ format: 'jwk' }), kid: 'bench' });
  if (key === undefined) throw new Error('The key was not taken.');
  const trust: Trust = {
    signers: async () => [v1Signer(`whsec_${secret.toString('base64')}`)],
    routeKeys: async () => [routeKey],
    keySet: { current: async () => [key], refresh: async () => undefined },
    audience: 'bench',
    toleranceSeconds: 300,
  };
  const now = new Date();
  const timestamp = String(Math.floor(now.getTime() / 1_000));
  const body = Buffer.from(JSON.stringify({ type: 'batch.succeeded', data: { id: 'batches/bench' } }));
  const content = Buffer.concat([Buffer.from(`msg_bench.${timestamp}.`), body]);
  const path = `/dynamic/bench/${signRoute('bench', routeKey)}`;
  const common = { path, webhookId: 'msg_bench', timestamp, body };
  const hmac = createHmac('sha256', secret).update(content).digest();
  const ed = sign(null, content, privateKey);
  const token = await new SignJWT({ type: 'batch.succeeded' })
    .setProtectedHeader({ alg: 'EdDSA', kid: 'bench' })
    .setAudience('bench')
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(privateKey);
  const [head = '', payload = '', signature = ''] = token.split('.');
  const signed = Buffer.from(`${head}.${payload}`);
  const jwt = Buffer.from(signature, 'base64url');

  const schemes: readonly (readonly [string, SignedRequest, () => boolean])[] = [
    [
      'v1',
      { ...common, signature: `v1,${hmac.toString('base64')}` },
      () => timingSafeEqual(hmac, createHmac('sha256', secret).update(content).digest()),
    ],
    ['v1a', { ...common, signature: `v1a,${ed.toString('base64')}` }, () => verifyBytes(null, content, publicKey, ed)],
    ['jwt', { ...common, signature: token }, () => verifyBytes(null, signed, publicKey, jwt)],
  ];
  const figures = schemes.map(([name]) => ({
    name: `verification of ${name}`,
    unit: 'µs',
    ours: [] as number[],
    theirs: [] as number[],
  }));
  for (let round = 0; round < rounds; round++) {
    for (const [index, [, request, bare]] of schemes.entries()) {
      figures[index]?.ours.push(await microsOf(async () => (await verify(request, trust, now)).inTime));
      figures[index]?.theirs.push(await microsOf(bare));
    }
  }
  const wrongAt = (place: number) => {
    const wrong = Buffer.from(hmac);
    wrong[place] = (wrong[place] ?? 0) ^ 1;
    const request = { ...common, signature: `v1,${wrong.toString('base64')}` };
    return async () =>
      await verify(request, trust, now).then(
        () => false,
        () => true,
      );
  };
  const [first, last] = [wrongAt(0), wrongAt(hmac.length - 1)];
  const refusals = { ours: [] as number[], theirs: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    refusals.theirs.push(await microsOf(first));
    refusals.ours.push(await microsOf(last));
  }
  const refusal = { name: 'refusal: the last byte wrong, beside the first', unit: 'µs', ...refusals };
  return { title: 'Verification alone', beside: 'bare node:crypto', figures: [...figures, refusal] };
}

async function microsOf(work: () => boolean | Promise<boolean>): Promise<number> {
  const before = process.cpuUsage();
  for (let n = 0; n < VERIFICATIONS; n++) if (!(await work())) throw new Error('What is genuine was refused.');
  const { user, system } = process.cpuUsage(before);
  return (user + system) / VERIFICATIONS;
}

const GEMINI = { GEMINI_API_KEY: 'any-key', GOOGLE_GEMINI_BASE_URL: 'http://127.0.0.1:1/' };
const ROUTE_KEY = { DYNAMIC_ROUTE_KEY: 'a-route-key-of-at-least-32-characters' };
const ENVIRONMENTS: Readonly<Record<string, NodeJS.ProcessEnv>> = {
  geminiCallback: ROUTE_KEY,
  fetchResults: GEMINI,
  reconcileJobs: GEMINI,
  submitJob: { ...GEMINI, ...ROUTE_KEY, CALLBACK_URL: 'https://hooks.example.test/' },
};

/** From the start of the process to the first answer of any kind, beside the Framework with an empty function. */
export async function benchColdStarts(rounds: number): Promise<Section> {
  const project = await LocalProject.create();
  const empty = { target: 'empty', source: straightforward('empty') };
  const functions = Object.entries(ENVIRONMENTS).map(([target, env]) => ({ target, env, ours: [] as number[] }));
  const theirs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    theirs.push(await coldStart(empty.target, project.env, empty.source));
    for (const { target, env, ours } of functions) ours.push(await coldStart(target, { ...project.env, ...env }));
  }
  await project.close();
  const figures = functions.map(({ target, ours }) => ({ name: `cold start of ${target}`, unit: 'ms', ours, theirs }));
  return { title: 'Process start to the first answer', beside: 'the Framework alone', figures };
}

async function coldStart(target: string, env: NodeJS.ProcessEnv, source?: string): Promise<number> {
  const startedAt = performance.now();
  const running = await startFunction(target, env, source === undefined ? {} : { source });
  const millis = performance.now() - startedAt;
  await running.end('SIGKILL');
  return millis;
}

/** Counts of loaded code and of calls, the same on every machine. */
export async function countParts(): Promise<Section> {
  return { title: 'Counted', beside: 'the minimum', figures: [...artifactSizes(), await roundTrips()] };
}

/** The bundle; the Framework beside it is the platform's. */
function artifactSizes(): readonly Figure[] {
  const folder = join(import.meta.dirname, '../../dist');
  const sizes = readdirSync(folder)
    .filter((name) => name.endsWith('.cjs'))
    .map((name) => ({ name, kilobytes: statSync(join(folder, name)).size / 1_000 }));
  const isRead = (name: string) => name === 'index.cjs' || name === 'functions.cjs';
  const sum = (all: typeof sizes) => all.reduce((kilobytes, each) => kilobytes + each.kilobytes, 0);
  return [
    { name: 'deployed bundle: read at the start', unit: 'kB', ours: [sum(sizes.filter(({ name }) => isRead(name)))] },
    { name: 'deployed bundle: all of it', unit: 'kB', ours: [sum(sizes)] },
  ];
}

type Calls = Record<string, (...args: unknown[]) => unknown>;

/** Calls to Firestore and Pub/Sub for one delivery; three are the least: to record it, to publish it, to mark it. */
async function roundTrips(): Promise<Figure> {
  const project = await LocalProject.create();
  const { projectId } = project;
  const calls: string[] = [];
  const count = (prototype: object, name: string, nameOf: (method: unknown) => string) => {
    const methods = prototype as Calls;
    const { [name]: original } = methods;
    methods[name] = function (this: unknown, ...args) {
      calls.push(nameOf(args[0]));
      return original?.apply(this, [...args]);
    };
  };
  count(Firestore.prototype, 'request', String);
  count(Firestore.prototype, 'requestStream', String);
  count(PublisherClient.prototype, 'publish', () => 'publish');
  const deliveries = new Deliveries(connectFirestore({ projectId, database: '(default)' }), { ttlDays: 30 });
  const topics = { events: 'gemini-events', deadLetter: 'gemini-dead-letter' };
  const publisher = new Publisher({ projectId, pubsubEmulator: process.env['PUBSUB_EMULATOR_HOST'], topics });
  const deliveryOf = (name: string): Delivery => {
    const status = { name: 'succeeded', data: {} };
    return { ...reconciledDelivery({ name, kind: 'batch' }, 'batch.succeeded', status, new Date()), scheme: 'v1' };
  };
  const deadline = Deadline.inMillis(8_000);
  await deliveries.claim(deliveryOf('batches/first-of-the-instance'), deadline);
  calls.length = 0;
  const delivery = deliveryOf('batches/trips');
  const claimed = await deliveries.claim(delivery, deadline);
  if (claimed.status !== 'claimed') throw new Error('The delivery was not claimed.');
  const log = new Log(undefined, () => {});
  await publishClaimed(delivery, claimed, { deliveries, publisher, log }, deadline);
  await project.close();
  const name = `round trips of a first event (${calls.join(', ')})`;
  return { name, unit: '', ours: [calls.length], theirs: [3] };
}
