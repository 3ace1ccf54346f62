import { expect, test } from 'vitest';
import { MAX_MESSAGE_BYTES, ResultMessages } from '../../../../functions/model/result.ts';
import { lineResult } from '../../../../functions/results/entry.ts';

const job = { name: 'batches/b', kind: 'batch' } as const;
const context = { job, timestamp: '', webhookId: undefined, route: undefined, traceparent: undefined, metadata: [] };
const messages = new ResultMessages(context);

const LARGE = 'x'.repeat(MAX_MESSAGE_BYTES);

function resultOf(line: string | Buffer) {
  const bytes = Buffer.from(line);
  const result = lineResult({ bytes, length: bytes.length, end: bytes.length }, 7);
  const { data, attributes } = messages.result(result).message;
  const { jobId, index, ...fields } = JSON.parse(data.toString()) as Record<string, unknown>;
  expect({ jobId, index }).toEqual({ jobId: job.name, index: 7 });
  return { status: result.status, key: attributes['result_key'], fields, content: result.content };
}

test.for([
  ['{"key":"a","response":{"r":1}}', 'ok', 'a', { key: 'a', response: { r: 1 } }],
  ['{"key":5,"response":{"r":1}}', 'ok', '5', { key: 5, response: { r: 1 } }],
  ['{"key":"a","response":null}', 'error', 'a', { key: 'a', response: null, error: { code: 'NO_RESULT' } }],
  ['{"key":"a","response":1,"error":null}', 'ok', 'a', { key: 'a', response: 1, error: null }],
  ['{"key":null,"metadata":{"key":"m"},"error":{}}', 'error', 'm', { key: 'm', metadata: { key: 'm' }, error: {} }],
] as const)('%s', ([line, status, key, fields]) => {
  expect(resultOf(line)).toMatchObject({ status, key, fields, content: undefined });
});

test.for([
  [`{"key":5,"response":"${LARGE}"}`, 'ok', '5', { key: 5 }],
  [`{"response":"${LARGE}","metadata":{"key":"m","n":1}}`, 'ok', 'm', { key: 'm', metadata: { key: 'm', n: 1 } }],
  [`{"key":"a","error":"${LARGE}","response":null}`, 'error', 'a', { key: 'a', response: null }],
] as const)('of a large line only the response or the error is the content (%#)', ([line, status, key, fields]) => {
  const result = resultOf(line);
  expect(result).toMatchObject({ status, key, fields });
  expect(result.content?.equals(Buffer.from(`"${LARGE}"`))).toBe(true);
});

test.for([
  [`{"key":"a","other":"${LARGE}"}`, 'a', 'NO_RESULT'],
  [`{"key":"a","response":null,"other":"${LARGE}"}`, 'a', 'NO_RESULT'],
  [`{"key":"a","response":{"r":1},"metadata":"${LARGE}"}`, 'a', 'RESULT_TOO_LARGE'],
  [`{"key":"a","error":{"code":"MINE"},"metadata":"${LARGE}"}`, 'a', 'MINE'],
  [`{"key":"${LARGE}","response":{"r":1}}`, undefined, 'RESULT_TOO_LARGE'],
] as const)('where something else is large, all of the line is the content (%#)', ([line, key, code]) => {
  const result = resultOf(line);
  expect(result).toMatchObject({ status: 'error', key, fields: { error: { code } } });
  expect(result.content?.equals(Buffer.from(line))).toBe(true);
});

test.for([
  Buffer.from('{"key":"a","response":{"a":"\xff"}}', 'latin1'),
  Buffer.from(`{"key":"a","response":{${LARGE}}}`),
  Buffer.from(`{"key":"a","response":"${LARGE}`),
  Buffer.from(`"${LARGE}"`),
])('a line that is no JSON object is an error that keeps its bytes, of any size (%#)', (line) => {
  const { status, key, fields, content } = resultOf(line);
  expect({ status, key, fields }).toMatchObject({
    status: 'error',
    key: undefined,
    fields: { error: { code: 'INVALID_LINE' } },
  });
  expect((content ?? Buffer.from(String(fields['rawBase64']), 'base64')).equals(line)).toBe(true);
});
