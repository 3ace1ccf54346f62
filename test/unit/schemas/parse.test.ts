import { expect, test } from 'vitest';
import { InvalidMessageError, parse } from '../../../schemas/parse.ts';

const attributes = (type: string) => ({ 'ce-type': type, 'ce-id': 'batches/a/0' });
const data = (value: unknown) => Buffer.from(JSON.stringify(value));

test('a result is narrowed by its type', () => {
  const message = parse({ attributes: attributes('job.result'), data: data({ jobId: 'batches/a', index: 3 }) });
  expect(message.type === 'job.result' && message.data.index).toBe(3);
});

test('the counts of a finished job are narrowed by its type', () => {
  const counts = { jobId: 'batches/a', total: 2, ok: 1, error: 1 };
  const message = parse({ attributes: attributes('job.results.completed'), data: data(counts) });
  expect(message.type === 'job.results.completed' && message.data.total).toBe(2);
});

test('every other type is an event, also an unknown one', () => {
  const message = parse({
    attributes: attributes('batch.renamed'),
    data: data({ type: 'batch.renamed', data: { id: 'a' } }),
  });
  expect(message).toMatchObject({
    type: 'event',
    id: 'batches/a/0',
    data: { type: 'batch.renamed', data: { id: 'a' } },
  });
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
