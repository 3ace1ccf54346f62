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
import { SignJWT } from 'jose';
import { importKey } from '../../functions/callback/publicKey.ts';
import { v1Signer } from '../../functions/callback/v1.ts';
import type { SignedRequest, Trust } from '../../functions/callback/signedRequest.ts';
import { verify } from '../../functions/callback/verify.ts';
import { signRoute } from '../../functions/model/route.ts';
import { startFunction } from '../../local/functions.ts';
import { LocalProject } from '../../local/project.ts';
import type { Section } from './measure.ts';
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
    product: [] as number[],
    reference: [] as number[],
  }));
  for (let round = 0; round < rounds; round++) {
    for (const [index, [, request, bare]] of schemes.entries()) {
      figures[index]?.product.push(await microsOf(async () => (await verify(request, trust, now)).inTime));
      figures[index]?.reference.push(await microsOf(bare));
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
  const refusals = { product: [] as number[], reference: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    refusals.reference.push(await microsOf(first));
    refusals.product.push(await microsOf(last));
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
  const functions = Object.entries(ENVIRONMENTS).map(([target, env]) => ({ target, env, product: [] as number[] }));
  const reference: number[] = [];
  for (let round = 0; round < rounds; round++) {
    reference.push(await coldStart(empty.target, project.env, empty.source));
    for (const { target, env, product } of functions) product.push(await coldStart(target, { ...project.env, ...env }));
  }
  await project.close();
  const figures = functions.map(({ target, product }) => ({
    name: `cold start of ${target}`,
    unit: 'ms',
    product,
    reference,
  }));
  return { title: 'Process start to the first answer', beside: 'the Framework alone', figures };
}

async function coldStart(target: string, env: NodeJS.ProcessEnv, source?: string): Promise<number> {
  const startedAt = performance.now();
  const running = await startFunction(target, env, source === undefined ? {} : { source });
  const millis = performance.now() - startedAt;
  await running.end('SIGKILL');
  return millis;
}

/** Counts the code of the bundle, the same on every machine; the Framework beside it is the platform's. */
export function countParts(): Section {
  const folder = join(import.meta.dirname, '../../dist');
  const sizes = readdirSync(folder)
    .filter((name) => name.endsWith('.cjs'))
    .map((name) => ({ name, kilobytes: statSync(join(folder, name)).size / 1_000 }));
  const isRead = (name: string) => name === 'index.cjs' || name === 'functions.cjs';
  const sum = (all: typeof sizes) => all.reduce((kilobytes, each) => kilobytes + each.kilobytes, 0);
  const figures = [
    {
      name: 'deployed bundle: read at the start',
      unit: 'kB',
      product: [sum(sizes.filter(({ name }) => isRead(name)))],
    },
    { name: 'deployed bundle: all of it', unit: 'kB', product: [sum(sizes)] },
  ];
  return { title: 'Code', beside: '', figures };
}
