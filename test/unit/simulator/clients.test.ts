import { describe, expect, test } from 'vitest';
import { call, client, given, setUp } from './harness.ts';

/** Requests in the form that google-genai for Python sends, which differs from JavaScript's. */
describe('an upload by the SDK for Python', () => {
  const start = {
    'content-type': 'application/json',
    'x-goog-upload-protocol': 'resumable',
    'x-goog-upload-command': 'start',
    'x-goog-upload-header-content-length': '6',
    'x-goog-upload-header-content-type': 'jsonl',
    'x-goog-upload-file-name': 'input.jsonl',
  };

  test('starts in snake case, and sends chunks without an API key', async () => {
    const { simulator, ai } = await setUp({ settings: { api: { key: 'any-key' } } });
    const file = { display_name: 'Mine', mime_type: 'jsonl', size_bytes: 6 };
    const init = { method: 'POST', headers: start, body: JSON.stringify({ file }) };
    const url = given((await call(simulator, '/upload/v1beta/files', init)).headers.get('x-goog-upload-url'));
    const headers = { 'x-goog-upload-command': 'upload, finalize', 'x-goog-upload-offset': '0' };
    const end = await fetch(url, { method: 'POST', headers, body: '{}\n{}\n' });
    expect(end.headers.get('x-goog-upload-status')).toBe('final');
    const uploaded = (await end.json()) as { file: { name: string } };
    const { name } = uploaded.file;
    expect(await ai.files.get({ name })).toMatchObject({ displayName: 'Mine', mimeType: 'jsonl', sizeBytes: '6' });
  });

  test('needs an API key to start, and an upload_id that exists to continue', async () => {
    const { simulator } = await setUp();
    const path = `${simulator.url}/upload/v1beta/files`;
    expect((await fetch(path, { method: 'POST', headers: start, body: '{}' })).status).toBe(403);
    const headers = { 'x-goog-upload-command': 'upload, finalize', 'x-goog-upload-offset': '0' };
    expect((await fetch(`${path}?upload_id=x`, { method: 'POST', headers, body: '{}' })).status).toBe(404);
  });

  test.each(['application/zip', 'nonsense', 'application/x-msdownload'])('of the type %s is 400', async (mimeType) => {
    const { ai } = await setUp();
    const upload = ai.files.upload({ file: new Blob(['x']), config: { mimeType } });
    await expect(upload).rejects.toThrow(`Unsupported MIME type: ${mimeType}`);
  });
});

describe('registerFiles', () => {
  const auth = { getRequestHeaders: async () => await Promise.resolve(new Headers({ authorization: 'Bearer token' })) };

  test('registers objects of Cloud Storage', async () => {
    const { ai } = await setUp();
    const uris = ['gs://bucket/input.jsonl'];
    const { files } = await ai.files.registerFiles({ auth: auth as never, uris });
    expect(files).toMatchObject([{ source: 'REGISTERED', displayName: 'input.jsonl', state: 'ACTIVE' }]);
    expect(await ai.files.get({ name: given(files?.[0]?.name) })).toEqual(files?.[0]);
  });

  test('fails a batch that reads one, with the reason', async () => {
    const { simulator, ai } = await setUp();
    const { files } = await ai.files.registerFiles({ auth: auth as never, uris: ['gs://bucket/input.jsonl'] });
    const { name } = await ai.batches.create({ model: 'm', src: given(files?.[0]?.name) });
    await simulator.finish(given(name));
    expect(simulator.jobs()[0]?.error?.message).toContain('cannot read gs://bucket/input.jsonl');
  });

  test('refuses other URIs', async () => {
    const { ai } = await setUp();
    const register = ai.files.registerFiles({ auth: auth as never, uris: ['https://h.test/x'] });
    await expect(register).rejects.toMatchObject({ status: 400 });
  });
});

describe('credentials', () => {
  test('can be a bearer token', async () => {
    const { simulator } = await setUp({ settings: { api: { key: 'right' } } });
    const list = async (authorization: string) =>
      (await fetch(`${simulator.url}/v1/batches`, { headers: { authorization } })).status;
    expect(await list('Bearer token')).toBe(200);
    expect(await list('Basic token')).toBe(403);
  });
});

describe('a path', () => {
  test.each(['/v1alpha/batches', '/v2/batches', '/v1x/models/m:generateContent', '/v1/nonsense', '/nonsense'])(
    '%s is unknown',
    async (path) => {
      const { simulator } = await setUp();
      const response = await call(simulator, path);
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({
        error: { status: 'NOT_FOUND', message: `Nothing at GET ${path}` },
      });
    },
  );

  test.each(['/v1beta/models', '/v1/cachedContents/x', '/v1beta/files/x/operations/y', '/v1/models/m:countTokens'])(
    '%s is unimplemented, by the name of the simulator',
    async (path) => {
      const { simulator } = await setUp();
      const response = await call(simulator, path);
      expect(response.status).toBe(501);
      const message = expect.stringContaining(`The Gemini API simulator does not implement GET ${path}.`) as string;
      expect(await response.json()).toMatchObject({ error: { code: 501, status: 'UNIMPLEMENTED', message } });
    },
  );

  test('that is unimplemented reaches the caller of an SDK', async () => {
    const { simulator } = await setUp();
    const count = client(simulator, 'v1beta').models.countTokens({ model: 'm', contents: 'x' });
    await expect(count).rejects.toThrow('The Gemini API simulator does not implement POST');
  });
});

describe('an Omni interaction', () => {
  test('sends no webhook when so set', async () => {
    const { simulator, ai, receiver } = await setUp({ settings: { deliveries: { omniEvents: 'none' } } });
    const webhook_config = { uris: [receiver.url] };
    const { id } = await ai.interactions.create({
      model: 'gemini-omni-1.1-flash',
      input: 'a cat',
      background: true,
      webhook_config,
    });
    await simulator.finish(id);
    expect((await ai.interactions.get(id)).status).toBe('completed');
    expect(simulator.ledger.events).toEqual([]);
    expect(receiver.received).toEqual([]);
  });
});
