import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import specification from '@asyncapi/specs/schemas/3.0.0.json' with { type: 'json' };
import { Ajv } from 'ajv';
import { expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { generatedFiles } from '../../../tools/generate.ts';
import { problemsOf } from '../../support/schemas.ts';

const ROOT = join(import.meta.dirname, '../../..');
const FOLDER = join(ROOT, 'schemas');

test('every generated file in the repository is up to date; otherwise run: npm run generate', async () => {
  for (const [path, text] of await generatedFiles()) {
    expect([path, readFileSync(join(ROOT, path), 'utf8')]).toEqual([path, text]);
  }
});

test('asyncapi.yaml is valid AsyncAPI 3, and its references resolve', () => {
  const document = parseYaml(readFileSync(join(FOLDER, 'asyncapi.yaml'), 'utf8')) as object;
  const ajv = new Ajv({ strict: false, allErrors: true, meta: false, validateSchema: false, validateFormats: false });
  const validate = ajv.compile(specification);
  validate(document);
  expect(validate.errors ?? []).toEqual([]);
  const references = JSON.stringify(document).match(/\.\/messages\/[^"]+/g) ?? [];
  expect(references.length).toBeGreaterThan(5);
  for (const reference of references) expect(() => readFileSync(join(FOLDER, reference))).not.toThrow();
});

const cloudEvent = {
  'ce-specversion': '1.0',
  'ce-id': 'batches/a/0',
  'ce-type': 'job.result',
  'ce-source': '//generativelanguage.googleapis.com/batches/a',
  'ce-time': '2026-05-28T20:26:40Z',
  'content-type': 'application/json',
};

test.each([
  ['messages/event', { type: 'batch.succeeded', data: { id: 'batches/a' }, extra: 1 }, true],
  ['messages/event', { timestamp: '2026-05-28T20:26:40Z' }, false],
  ['messages/job.result', { jobId: 'batches/a', index: 0, key: 'k', response: {} }, true],
  ['messages/job.result', { jobId: 'batches/a', index: -1 }, false],
  ['messages/job.result', { index: 0 }, false],
  ['messages/job.action_required', { jobId: 'interactions/a', calls: [{ id: 'c', name: 'f', arguments: {} }] }, true],
  ['messages/job.action_required', { jobId: 'interactions/a' }, false],
  ['messages/job.results.completed', { jobId: 'batches/a', total: 2, ok: 1, error: 1, expected: 3, missing: 1 }, true],
  ['messages/job.results.completed', { jobId: 'batches/a', total: 2, ok: 1, error: 1, missing: 0 }, false],
  [
    'messages/job.results.failed',
    { jobId: 'batches/a', error: { code: 'NOT_FOUND', message: 'It is missing.' } },
    true,
  ],
  ['messages/job.results.failed', { jobId: 'batches/a', error: { code: 5, message: 'It is missing.' } }, false],
  ['messages/attributes', { ...cloudEvent, meta_team: 'red', result_status: 'ok' }, true],
  ['messages/attributes', { ...cloudEvent, 'ce-time': 'yesterday' }, false],
  ['messages/attributes', { ...cloudEvent, 'ce-id': '' }, false],
  ['messages/attributes', { reason: 'NOT_AN_EVENT', webhook_id: 'msg_1' }, true],
  ['messages/attributes', { webhook_id: 'msg_1' }, false],
  ['records/job', { jobId: 'batches/a', kind: 'batch', state: 'succeeded' }, true],
  ['records/job', { jobId: 'batches/a', kind: 'batch', state: 'finished' }, false],
])('%s: %j is valid: %s', (schema, value, valid) => {
  expect([problemsOf(schema, value).length === 0]).toEqual([valid]);
});
