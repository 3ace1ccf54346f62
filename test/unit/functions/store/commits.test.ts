import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FieldValue, Firestore, Timestamp } from '@google-cloud/firestore';
import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { GrpcService } from '../../../../functions/runtime/grpcService.ts';
import { ABSENT, coalescedCommits, type Write } from '../../../../functions/store/commits.ts';
import { Database } from '../../../../functions/store/database.ts';
import { loadServices } from '../../../../local/backends/protos.ts';
import { RpcError, serve } from '../../../../local/backends/rpc.ts';
import definitions from '../../../../node_modules/@google-cloud/firestore-api/build/protos/protos.json' with { type: 'json' };

const REQUEST = protobuf.Root.fromJSON(definitions).lookupType('google.firestore.v1.CommitRequest');
const TIME = { seconds: '1', nanos: 0 };

afterEach(() => vi.restoreAllMocks());

const database = new Database({ projectId: 'demo', database: '(default)' });
const commit = coalescedCommits(database);
const document = database.doc('jobs/batches~x');

/** Returns the request that a way of committing sends, as Firestore reads it. */
async function sentBy(work: () => Promise<unknown>): Promise<object> {
  let sent: object = {};
  const answer = (request: object) => {
    sent = request;
    return { writeResults: (request as { writes: [] }).writes.map(() => ({ updateTime: TIME })), commitTime: TIME };
  };
  vi.spyOn(GrpcService.prototype, 'connect').mockResolvedValue({ projectId: 'demo' } as never);
  vi.spyOn(GrpcService.prototype, 'call').mockImplementation((async ({ request }: { request: object }) =>
    answer(request)) as never);
  const client = Firestore.prototype as unknown as Record<'request', (method: string, request: object) => unknown>;
  vi.spyOn(client, 'request').mockImplementation((_, request) => Promise.resolve(answer(request)));
  await work();
  const bytes = REQUEST.encode(REQUEST.fromObject(sorted(sent))).finish();
  return REQUEST.toObject(REQUEST.decode(bytes), { longs: String, enums: String, defaults: true });
}

/** The order of the mask has no meaning. */
function sorted({ writes, ...rest }: { writes?: { updateMask?: { fieldPaths: string[] } }[] }) {
  for (const { updateMask } of writes ?? []) updateMask?.fieldPaths.sort();
  return { writes, ...rest };
}

async function byClient({ document: ref, fields, expected }: Write): Promise<unknown> {
  const batch = database.batch();
  if (expected === ABSENT) batch.create(ref, fields);
  else if (expected) batch.update(ref, fields, { lastUpdateTime: expected });
  else batch.update(ref, fields);
  return await batch.commit();
}

const NAME = fc.string({ minLength: 1, unit: 'grapheme' }).filter((name) => !/^__.*__$/.test(name));
const TIMES = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true });
const { value: VALUE } = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.boolean(),
    fc.constant(null),
    fc.double(),
    fc.maxSafeInteger(),
    fc.constantFrom(-0, 2 ** 53, Infinity),
    TIMES,
    TIMES.map((time) => Timestamp.fromDate(time)),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  ),
  // Firestore has no list directly in a list.
  list: fc.array(
    fc.oneof(tie('leaf'), tie('map')).filter((each) => each !== undefined),
    { maxLength: 4 },
  ),
  map: fc.dictionary(NAME, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  value: fc.oneof({ maxDepth: 4 }, tie('leaf'), tie('list'), tie('map')),
}));
const FIELD = fc.stringMatching(/^[a-z][a-zA-Z]{0,9}$/);
const FIELDS = fc.dictionary(FIELD, fc.option(VALUE, { nil: undefined }), { minKeys: 1, noNullPrototype: true });
const EXPECTED = fc.constantFrom(ABSENT, undefined, new Timestamp(1_760_000_000, 123_456_000));

test("a commit sends the bytes that Firestore's client sends", async () => {
  await fc.assert(
    fc.asyncProperty(FIELDS, EXPECTED, async (fields, expected) => {
      const write: Write = { document, fields: { ...fields, kept: 1 }, ...(expected && { expected }) };
      expect(await sentBy(async () => await commit([write]))).toEqual(await sentBy(async () => await byClient(write)));
    }),
    { numRuns: 150 },
  );
});

const NOW = FieldValue.serverTimestamp();

test.each<[string, object]>([
  ['deletes', { error: FieldValue.delete(), state: 'succeeded' }],
  ['sets the time of the server', { updatedAt: NOW, state: 'succeeded' }],
  ['sets the time of the server in a map', { results: { state: 'pending', updatedAt: NOW }, state: 'succeeded' }],
  ['counts', { attempts: FieldValue.increment(1), lastReceivedAt: new Date(0) }],
  ['only deletes and sets the time', { leaseOwner: FieldValue.delete(), leaseUntil: NOW }],
])("a change that %s is sent as Firestore's client sends it", async (_, fields) => {
  const write: Write = { document, fields };
  expect(await sentBy(async () => await commit([write]))).toEqual(await sentBy(async () => await byClient(write)));
});

test.each([
  ['in a list', [NOW]],
  ['that no record is written with', FieldValue.increment(2)],
])('an instruction %s is refused', async (_, value) => {
  await expect(sentBy(async () => await commit([{ document, fields: { value } }]))).rejects.toThrow(TypeError);
});

test('each of the commits that share a call gets the time of its own last write', async () => {
  const answer = { writeResults: ['1', '2', '3'].map((seconds) => ({ updateTime: { seconds, nanos: 5 } })) };
  vi.spyOn(GrpcService.prototype, 'connect').mockResolvedValue({ projectId: 'demo' } as never);
  vi.spyOn(GrpcService.prototype, 'call').mockResolvedValue(answer);
  const write: Write = { document, fields: { state: 'succeeded' } };
  expect(await Promise.all([commit([write, write]), commit([write])])).toEqual([
    new Timestamp(2, 5),
    new Timestamp(3, 5),
  ]);
});

const SERVICES = loadServices('@google-cloud/firestore-api/build/protos/protos.json', 'google.firestore.v1.Firestore');

/** Starts a Firestore whose first commits fail with these statuses, and returns its database and the commits it received. */
async function firestoreThat(...failures: readonly status[]) {
  const requests: object[] = [];
  const answer = ({ writes }: { writes: readonly object[] }) => {
    const code = failures[requests.length];
    requests.push(writes);
    if (code !== undefined) throw new RpcError(code, '');
    return { writeResults: writes.map(() => ({ updateTime: TIME })), commitTime: TIME };
  };
  const server = await serve(SERVICES, { commit: answer });
  vi.stubEnv('FIRESTORE_EMULATOR_HOST', server.host);
  const served = new Database({ projectId: 'demo', database: '(default)' });
  vi.unstubAllEnvs();
  onTestFinished(async () => void (await Promise.all([served.terminate(), server.stop()])));
  return { commits: coalescedCommits(served), requests };
}

test.each(['UNAVAILABLE', 'RESOURCE_EXHAUSTED', 'ABORTED'] as const)(
  "a commit that ends with %s is repeated, as Firestore's client repeats it",
  async (name) => {
    const { commits, requests } = await firestoreThat(status[name]);
    expect(await commits([{ document, fields: { state: 'succeeded' } }])).toEqual(new Timestamp(1, 0));
    expect(requests).toHaveLength(2);
  },
);

test.each(['FAILED_PRECONDITION', 'ALREADY_EXISTS', 'INTERNAL', 'DEADLINE_EXCEEDED'] as const)(
  'a commit that ends with %s is not repeated',
  async (name) => {
    const { commits, requests } = await firestoreThat(status[name]);
    await expect(commits([{ document, fields: { state: 'succeeded' } }])).rejects.toMatchObject({ code: status[name] });
    expect(requests).toHaveLength(1);
  },
);

test('a commit that is sent again alone ends when the shared one would have', async () => {
  const remaining: number[] = [];
  vi.spyOn(GrpcService.prototype, 'connect').mockResolvedValue({ projectId: 'demo' } as never);
  vi.spyOn(GrpcService.prototype, 'call').mockImplementation(async ({ deadline }) => {
    remaining.push(deadline.remainingMillis);
    await sleep(100);
    throw new Error('Firestore is down.');
  });
  const write: Write = { document, fields: { state: 'succeeded' } };
  await Promise.allSettled([commit([write]), commit([write])]);
  const [shared = 0, ...alone] = remaining;
  expect(alone).toHaveLength(2);
  for (const millis of alone) expect(millis).toBeLessThan(shared - 90);
});

test("an empty variable of the emulator means Google Cloud, as it does to Firestore's client", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'credentials-'));
  const credentials = join(folder.path, 'user.json');
  const user = { type: 'authorized_user', client_id: 'a', client_secret: 'b', refresh_token: 'c' };
  await writeFile(credentials, JSON.stringify(user));
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', credentials);
  vi.stubEnv('FIRESTORE_EMULATOR_HOST', '');
  onTestFinished(() => void vi.unstubAllEnvs());
  const cloud = new Database({ projectId: 'demo', database: '(default)' });
  expect(await cloud.service.connect()).toMatchObject({ projectId: 'demo' });
  await cloud.terminate();
});
