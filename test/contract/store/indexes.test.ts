import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startFirestore } from '../../../local/backends/official.ts';
import { hasEmulators } from '../../support/requirements.ts';
import { NEWEST, type NewestShape, QUERIES, SUBMISSION_FIELD } from '../../../functions/store/queries.ts';

const ROOT = join(import.meta.dirname, '../../..');
const read = (name: string) => readFileSync(join(ROOT, name), 'utf8');

interface FieldOverride {
  readonly collectionGroup: string;
  readonly fieldPath: string;
  readonly ttl?: boolean;
  readonly indexes: readonly object[];
}

interface CompositeIndex {
  readonly collectionGroup: string;
  readonly fields: readonly { readonly fieldPath: string; readonly order: string }[];
}

const { fieldOverrides, indexes: composites } = JSON.parse(read('firestore.indexes.json')) as {
  fieldOverrides: readonly FieldOverride[];
  indexes: readonly CompositeIndex[];
};

const wanted = [
  ...Object.values(QUERIES),
  ...Object.values<NewestShape>(NEWEST).flatMap(({ collection, fields, orderBy }) =>
    fields.map((field) => ({ collection, field, orderBy, direction: 'desc' as const })),
  ),
];

test.for(wanted)(
  'the query of $collection by $field and $orderBy has its index',
  ({ collection, field, orderBy, direction }) => {
    const order = { asc: 'ASCENDING', desc: 'DESCENDING' }[direction];
    const fields = [
      { fieldPath: field, order: 'ASCENDING' },
      { fieldPath: orderBy, order },
    ];
    const index = { collectionGroup: collection, queryScope: 'COLLECTION', fields };
    expect(composites).toContainEqual(index);
  },
);

test('all jobs are listed by a field with an automatic index, so no override may disable it', () => {
  const overridden = fieldOverrides.filter(({ collectionGroup }) => collectionGroup === NEWEST.jobs.collection);
  expect(overridden.map(({ fieldPath }) => fieldPath)).not.toContain(NEWEST.jobs.orderBy);
});

test('every query is in the file that is compared with the index file', () => {
  const sources = ['functions', 'cli'].flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: ROOT }));
  expect(sources.length).toBeGreaterThan(50);
  const asking = sources.filter((name) => /\.(where|orderBy|collectionGroup)\(/.test(read(name)));
  expect(asking).toEqual(['functions/store/queries.ts']);
});

test.skipIf(!hasEmulators)('the rules refuse every client, as the official emulator applies them', async () => {
  const emulator = await startFirestore();
  onTestFinished(async () => void (await emulator.stop()));
  const host = `http://${emulator.host}`;
  const projectId = 'demo-rules';
  const documents = `${host}/v1/projects/${projectId}/databases/(default)/documents`;
  const statuses = async () => {
    const reading = await fetch(`${documents}/deliveries/x`);
    const writing = await fetch(`${documents}/jobs`, { method: 'POST', body: '{"fields":{}}' });
    return [reading.status, writing.status];
  };
  expect(await statuses()).toEqual([404, 200]);
  const rules = { rules: { files: [{ name: 'firestore.rules', content: read('firestore.rules') }] } };
  const set = await fetch(`${host}/emulator/v1/projects/${projectId}:securityRules`, {
    method: 'PUT',
    body: JSON.stringify(rules),
  });
  expect(set.status).toBe(200);
  expect(await statuses()).toEqual([403, 403]);
});

test('firebase.json names files that exist and the emulators that are used', () => {
  const firebase = JSON.parse(read('firebase.json')) as { firestore: Record<string, string>; emulators: object };
  for (const key of ['rules', 'indexes']) expect(read(firebase.firestore[key] ?? '').length).toBeGreaterThan(0);
  expect(Object.keys(firebase.emulators)).toEqual(expect.arrayContaining(['firestore', 'pubsub']));
});

test('one field of each collection of idempotency records carries the TTL, and no field is named twice', () => {
  const names = fieldOverrides.map(({ collectionGroup, fieldPath }) => `${collectionGroup}.${fieldPath}`);
  expect(new Set(names).size).toBe(names.length);
  expect(fieldOverrides.filter(({ ttl }) => ttl).map(({ fieldPath }) => fieldPath)).toEqual(['expireAt', 'expireAt']);
});

test('large fields and fields that rise with time are not indexed', () => {
  const exempt = (group: string) =>
    fieldOverrides
      .filter(({ collectionGroup, indexes }) => collectionGroup === group && indexes.length === 0)
      .map(({ fieldPath }) => fieldPath);
  expect(exempt('deliveries')).toEqual(
    expect.arrayContaining(['event', 'eventJson', 'rawBody', 'payload', 'firstReceivedAt', 'lastReceivedAt']),
  );
  expect(exempt('jobs')).toEqual(expect.arrayContaining(['timeline', 'userMetadata', 'error', 'results']));
});

test('jobs are found by the submission that their metadata names, though the rest of it is not indexed', () => {
  const override = fieldOverrides.find(({ fieldPath }) => fieldPath === SUBMISSION_FIELD);
  expect(override?.indexes).toEqual([{ order: 'ASCENDING', queryScope: 'COLLECTION' }]);
});
