import { expect, test } from 'vitest';
import type { JsonResponse } from '../../../../functions/http/body.ts';
import { jsonListener } from '../../../../functions/http/json.ts';
import { eventListener } from '../../../../functions/http/push.ts';
import { Log } from '../../../../functions/observability/log.ts';
import { serveHttpInTest } from '../../../support/server.ts';
import { ServiceError } from '../../../../functions/runtime/serviceError.ts';

type Line = Readonly<Record<string, unknown>>;

/** Serves a function's listener, and collects what it logs. */
async function serve(handle: () => Promise<JsonResponse>, kind: 'http' | 'events' = 'http') {
  const lines: Line[] = [];
  const log = new Log('demo', (line) => lines.push(JSON.parse(line) as Line));
  const listener = kind === 'http' ? jsonListener(handle, log) : eventListener(async () => void (await handle()), log);
  const { url } = await serveHttpInTest(listener);
  const body = JSON.stringify({ message: { data: '', attributes: {} } });
  const post = async () => await fetch(url, { method: 'POST', body, headers: { connection: 'close' } });
  return { lines, post, get: async () => await fetch(url, { headers: { connection: 'close' } }) };
}

const failing = (error: Error) => async () => {
  throw error;
};

test.each(['http', 'events'] as const)('each 5xx of a function for %s has one entry with its cause', async (kind) => {
  const unavailable = new ServiceError('STORE_UNAVAILABLE', 'Firestore is unreachable.', { cause: new Error('why') });
  const { lines, post } = await serve(failing(unavailable), kind);
  const response = await post();
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
  expect(lines).toEqual([
    expect.objectContaining({
      event: 'request_failed',
      reason: 'STORE_UNAVAILABLE',
      cause: { name: 'Error', message: 'why' },
    }),
  ]);
});

test.each(['http', 'events'] as const)(
  'an unexpected error of a function for %s has a stack in the log only',
  async (kind) => {
    const { lines, post } = await serve(failing(new TypeError('secret detail')), kind);
    const response = await post();
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('secret detail');
    expect(lines).toEqual([
      expect.objectContaining({ reason: 'INTERNAL', stack_trace: expect.stringContaining('json.test.ts') }),
    ]);
  },
);

test('a 4xx is the caller’s, and is not logged', async () => {
  const { lines, post, get } = await serve(failing(new ServiceError('INVALID_ARGUMENT', 'The field x is wrong.')));
  expect((await post()).status).toBe(400);
  const refused = await get();
  expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'POST']);
  expect(lines).toEqual([]);
});

test('a result is sent as JSON, or without a body', async () => {
  const result = await (await serve(async () => ({ status: 202, body: { jobId: 'batches/a' } }))).post();
  expect([result.status, await result.json()]).toEqual([202, { jobId: 'batches/a' }]);
  const empty = await (await serve(async () => ({ status: 204 }), 'events')).post();
  expect([empty.status, await empty.text()]).toEqual([204, '']);
});
