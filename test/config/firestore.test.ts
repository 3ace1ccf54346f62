import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const read = (name: string) => readFileSync(join(ROOT, name), 'utf8');

interface FieldOverride {
  readonly collectionGroup: string;
  readonly fieldPath: string;
  readonly ttl?: boolean;
  readonly indexes: readonly object[];
}

const { fieldOverrides } = JSON.parse(read('firestore.indexes.json')) as { fieldOverrides: readonly FieldOverride[] };

test('the rules keep every client out, by the emulator’s own judgement', async () => {
  const host = `http://${process.env['FIRESTORE_EMULATOR_HOST']}`;
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

test('what is large and what rises with time is not indexed', () => {
  const exempt = (group: string) =>
    fieldOverrides
      .filter(({ collectionGroup, indexes }) => collectionGroup === group && indexes.length === 0)
      .map(({ fieldPath }) => fieldPath);
  expect(exempt('deliveries')).toEqual(
    expect.arrayContaining(['event', 'eventJson', 'rawBody', 'firstReceivedAt', 'lastReceivedAt']),
  );
  expect(exempt('jobs')).toEqual(expect.arrayContaining(['timeline', 'userMetadata', 'error', 'results']));
});
