import { expect, test } from 'vitest';
import { canonicalJobName, jobDocumentId, jobKindOf } from '../../../../functions/model/jobName.ts';

test.each([
  ['batch.succeeded', 'batch'],
  ['interaction.completed', 'interaction'],
  ['video.generated', 'video'],
  ['webhook.ping', 'unknown'],
  ['batch', 'batch'],
  ['batches.succeeded', 'unknown'],
  ['', 'unknown'],
])('an event %o speaks of a job of kind %s', (type, kind) => {
  expect(jobKindOf(type)).toBe(kind);
});

test.each([
  ['batch', 'abc', 'batches/abc'],
  ['batch', 'batch_123456', 'batches/batch_123456'],
  ['batch', 'batches/abc', 'batches/abc'],
  ['interaction', 'v1_x', 'interactions/v1_x'],
  ['interaction', 'interactions/v1_x', 'interactions/v1_x'],
  ['video', 'models/veo/operations/op', 'models/veo/operations/op'],
  ['video', 'op', 'op'],
  ['unknown', 'anything', 'anything'],
] as const)('the canonical name of a %s %o is %o', (kind, id, name) => {
  expect(canonicalJobName(kind, id)).toBe(name);
});

test('a document id is the name with ~ for /', () => {
  expect(jobDocumentId('batches/abc')).toBe('batches~abc');
  expect(jobDocumentId('models/veo/operations/op')).toBe('models~veo~operations~op');
});

test.each(['.', '..', '__x__', '____', 'é'.repeat(751), 'x'.repeat(1_501), '\ud800', '__\n__'])(
  'a name that Firestore refuses as an id is hashed: %o',
  (name) => {
    expect(jobDocumentId(name)).toMatch(/^sha256~[0-9a-f]{64}$/);
  },
);

test.each(['...', '__x', 'x__', 'x'.repeat(1_500), 'é'.repeat(750)])('a name at the edge is kept: %o', (name) => {
  expect(jobDocumentId(name)).toBe(name);
});
