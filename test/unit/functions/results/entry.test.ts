import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_MESSAGE_BYTES } from '../../../../functions/model/result.ts';
import { placeResult } from '../../../../functions/results/publishing/resultPlacement.ts';
import { entryResult } from '../../../../functions/results/entry.ts';
import { decodeMessage, messagesAbout } from '../../../support/messages.ts';
import { isObjectText, JSON_TEST_SUITE, jsonNumbers, jsonTexts, nested } from '../../../support/json.ts';

const job = { name: 'batches/b', kind: 'batch' } as const;
const messages = messagesAbout(job);

const LARGE = 'x'.repeat(MAX_MESSAGE_BYTES);

async function resultOf(line: string | Buffer) {
  const bytes = Buffer.from(line);
  const result = await entryResult({ bytes, length: bytes.length }, 7, 'INVALID_LINE');
  const { data, attributes } = decodeMessage(messages.result(result));
  const text = data.toString();
  const { jobId, index, ...fields } = JSON.parse(text) as Record<string, unknown>;
  expect({ jobId, index }).toEqual({ jobId: job.name, index: 7 });
  return { status: result.status, key: attributes['result_key'], fields, text, content: result.content };
}

test.for([
  ['{"key":"a","response":{"r":1}}', 'ok', 'a', { key: 'a', response: { r: 1 } }],
  ['{"key":5,"response":{"r":1}}', 'ok', '5', { key: 5, response: { r: 1 } }],
  ['{"key":"a","response":null}', 'error', 'a', { key: 'a', response: null, error: { code: 'NO_RESULT' } }],
  ['{"key":"a","response":1,"error":null}', 'ok', 'a', { key: 'a', response: 1, error: null }],
  ['{"key":null,"metadata":{"key":null},"response":1}', 'ok', undefined, { key: null, response: 1 }],
  ['{"key":"a","index":1,"response":1}', 'ok', 'a', { key: 'a', response: 1 }],
  ['{"key":null,"metadata":{"key":"m"},"error":{}}', 'error', 'm', { key: 'm', metadata: { key: 'm' }, error: {} }],
] as const)('%s', async ([line, status, key, fields]) => {
  expect(await resultOf(line)).toMatchObject({ status, key, fields, content: undefined });
});

test.for([
  [`{"key":5,"response":"${LARGE}"}`, 'ok', '5', { key: 5 }],
  [`{"response":"${LARGE}","metadata":{"key":"m","n":1}}`, 'ok', 'm', { key: 'm', metadata: { key: 'm', n: 1 } }],
  [`{"key":"a","error":"${LARGE}","response":null}`, 'error', 'a', { key: 'a', response: null }],
] as const)(
  'puts the response or the error of a large line into the bucket (%#)',
  async ([line, status, key, fields]) => {
    const result = await resultOf(line);
    expect(result).toMatchObject({ status, key, fields });
    expect(result.content?.equals(Buffer.from(`"${LARGE}"`))).toBe(true);
  },
);

test.for([
  [`{"key":"a","other":"${LARGE}"}`, 'a', 'NO_RESULT'],
  [`{"key":"a","response":null,"other":"${LARGE}"}`, 'a', 'NO_RESULT'],
  [`{"key":"a","response":{"r":1},"metadata":"${LARGE}"}`, 'a', 'RESULT_TOO_LARGE'],
  [`{"key":"a","error":{"code":"MINE"},"metadata":"${LARGE}"}`, 'a', 'MINE'],
  [`{"key":"${LARGE}","response":{"r":1}}`, undefined, 'RESULT_TOO_LARGE'],
] as const)('puts a line whose other members are large into the bucket as a whole (%#)', async ([line, key, code]) => {
  const result = await resultOf(line);
  expect(result).toMatchObject({ status: 'error', key, fields: { error: { code } } });
  expect(result.content?.equals(Buffer.from(line))).toBe(true);
});

test.for([
  Buffer.from('{"key":"a","response":{"a":"\xff"}}', 'latin1'),
  Buffer.from(`{"key":"a","response":{${LARGE}}}`),
  Buffer.from(`{"key":"a","response":"${LARGE}`),
  Buffer.from(`"${LARGE}"`),
])('keeps the bytes of a line of any size that is no JSON object (%#)', async (line) => {
  const { status, key, fields, content } = await resultOf(line);
  expect({ status, key, fields }).toMatchObject({
    status: 'error',
    key: undefined,
    fields: { error: { code: 'INVALID_LINE' } },
  });
  expect((content ?? Buffer.from(String(fields['rawBase64']), 'base64')).equals(line)).toBe(true);
});

test('numbers keep their digits in every member', async () => {
  await fc.assert(
    fc.asyncProperty(jsonNumbers, jsonTexts, async (number, json) => {
      const value = `[${json}]`;
      for (const line of [
        `{"response":${value},"key":${number}}`,
        `{"response":${value},"metadata":{"n":${value},"key":${number}}}`,
        `{"index":${number},"jobId":"other","error":${value},"key":${number}}`,
        `{"other":${value},"key":${number}}`,
      ]) {
        const { text, key } = await resultOf(line);
        expect(text).toContain(value);
        expect(text).toContain(`"key":${number}`);
        expect(key).toBe(number);
      }
    }),
  );
});

test("leaves out an entry's own members of names that are the product's", async () => {
  for (const name of ['jobId', 'index', '\\u006aobId', 'uri', 'bytes', 'crc32c', 'rawBase64']) {
    const { text, fields } = await resultOf(`{"${name}":"mine","key":"k","other":2,"response":1}`);
    expect(fields).toEqual({ key: 'k', other: 2, response: 1 });
    expect(text).not.toContain('mine');
  }
});

const DEEP = (levels: number) => [
  `{"response":${nested(levels - 1)},"key":"k"}`,
  `{"key":"k","a":${nested(levels - 1)},"index":1,"response":1}`,
  `{"metadata":${nested(levels - 1)},"key":"k","error":{}}`,
];

test('publishes up to 512 levels', async () => {
  for (const line of DEEP(512)) {
    const { key, fields } = await resultOf(line);
    expect(key).toBe('k');
    expect(fields).not.toHaveProperty('rawBase64');
  }
});

test.for([513, 4_500, 100_000])('publishes %d levels as an error with the bytes', async (levels) => {
  for (const line of DEEP(levels)) {
    const { status, key, fields } = await resultOf(line);
    expect({ status, fields }).toMatchObject({ status: 'error', fields: { error: { code: 'NESTED_TOO_DEEP' }, key } });
    expect(key).toBe('k');
    expect(Buffer.from(String(fields['rawBase64']), 'base64').toString()).toBe(line);
  }
});

/** The lines that JSONTestSuite's texts make, of which some are no JSON objects. */
function suiteLines(filler: string, every: number): readonly string[] {
  return JSON_TEST_SUITE.filter((_, place) => place % every === 0).flatMap(([, text]) => [
    text,
    `{"key":"k","response":${text},"filler":"${filler}"}`,
    `{"key":${text},"response":1,"error":"${filler}"}`,
    `{"metadata":{"key":${text}},"response":"${filler}"}`,
  ]);
}

async function publish(line: string) {
  const bytes = Buffer.from(line);
  const bucket = inMemoryBucket();
  const result = await entryResult({ bytes, length: bytes.length }, 0, 'INVALID_LINE');
  const { message } = await placeResult(result, messages, job.name, bucket);
  expect(message.length).toBeLessThanOrEqual(MAX_MESSAGE_BYTES);
  const { rawBase64, ...data } = JSON.parse(decodeMessage(message).data.toString()) as Record<string, unknown>;
  const raw = typeof rawBase64 === 'string' ? Buffer.from(rawBase64, 'base64') : bucket.saved;
  return { data, raw };
}

const SIZES = [
  ['small', '', 1],
  ['large', 'x'.repeat(MAX_MESSAGE_BYTES), 64],
] as const;

test.for(SIZES)('keeps the bytes of %s invalid lines of JSONTestSuite', async ([, filler, every]) => {
  for (const line of suiteLines(filler, every).filter((each) => !isObjectText(each))) {
    const { data, raw } = await publish(line);
    expect(data).toMatchObject({ error: { code: 'INVALID_LINE' } });
    expect(raw?.equals(Buffer.from(line))).toBe(true);
  }
});

test.for(SIZES)('publishes %s valid lines of JSONTestSuite', async ([, filler, every]) => {
  for (const line of suiteLines(filler, every).filter(isObjectText)) {
    const { data, raw } = await publish(line);
    // What is not in the message is in the bucket.
    const members = Object.entries(JSON.parse(line) as object).filter(([name]) => name in data || raw === undefined);
    expect(data).toMatchObject(Object.fromEntries(members));
  }
});

const MANY = {
  numbers: `{"response":[${'1,'.repeat(10_000_000)}1],"key":"k"}`,
  members: `{${Array.from({ length: 1_000_000 }, (_, n) => `"k${n}":1`).join(',')},"key":"k","response":1}`,
};

test.for([
  ['numbers', 'ok'],
  ['members', 'error'],
] as const)('reads a large line of many %s without blocking the event loop', async ([many, status]) => {
  const bytes = Buffer.from(MANY[many]);
  const longest = longestTurn();
  const result = await entryResult({ bytes, length: bytes.length }, 0, 'INVALID_LINE');
  expect(result).toMatchObject({ status, key: Buffer.from('"k"') });
  expect(await longest.end()).toBeLessThan(300);
});

/** Measures turns of the event loop by processor time, which does not depend on other processes. */
function longestTurn(): { readonly end: () => Promise<number> } {
  let longest = 0;
  const ending = new AbortController();
  const watching = (async () => {
    for (let before = process.cpuUsage(); !ending.signal.aborted; before = process.cpuUsage()) {
      await nextTurn();
      const { user, system } = process.cpuUsage(before);
      longest = Math.max(longest, (user + system) / 1_000);
    }
  })();
  return {
    end: async () => {
      ending.abort();
      await watching;
      return longest;
    },
  };
}

/** Keeps what was saved last. */
function inMemoryBucket() {
  const bucket = {
    saved: undefined as Buffer | undefined,
    save: async (path: string, content: Buffer) => {
      bucket.saved = content;
      return await Promise.resolve({ uri: `gs://bucket/${path}`, bytes: content.length });
    },
  };
  return bucket;
}
