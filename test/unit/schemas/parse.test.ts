import { expect, test } from 'vitest';
import { InvalidMessageError, parse } from '../../../schemas/parse.ts';

const attributes = (type: string) => ({ 'ce-type': type, 'ce-id': 'batches/a/0' });
const data = (value: unknown) => Buffer.from(JSON.stringify(value));

test.each([
  ['job.result', { jobId: 'batches/a', index: 3 }, 'job.result'],
  ['job.results.completed', { jobId: 'batches/a', total: 2, ok: 1, error: 1 }, 'job.results.completed'],
  ['batch.renamed', { type: 'batch.renamed', data: { id: 'a' } }, 'event'],
])('a message of type %s is narrowed', (type, value, narrowed) => {
  const message = parse({ attributes: attributes(type), data: data(value) });
  expect(message).toMatchObject({ type: narrowed, id: 'batches/a/0', data: value });
});

test('the base64 of a push body is read', () => {
  const pushed = { attributes: attributes('batch.failed'), data: data({ type: 'batch.failed' }).toString('base64') };
  expect(parse(pushed).data).toEqual({ type: 'batch.failed' });
});

test.each([
  ['no attributes', { data: data({}) }],
  ['no id', { attributes: { 'ce-type': 'job.result' }, data: data({ jobId: 'a', index: 0 }) }],
  ['data that is not JSON', { attributes: attributes('job.result'), data: Buffer.from('{') }],
  ['no data', { attributes: attributes('job.result') }],
  ['a result without an index', { attributes: attributes('job.result'), data: data({ jobId: 'a' }) }],
  ['a type that only an object prototype has', { attributes: attributes('constructor'), data: data({ jobId: 'a' }) }],
])('%s is refused with a stable code', (_case, message) => {
  expect(() => parse(message)).toThrow(InvalidMessageError);
  expect(() => parse(message)).toThrow(expect.objectContaining({ code: 'INVALID_MESSAGE' }) as Error);
});
