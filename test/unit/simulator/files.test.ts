import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { call, given, HOUR_MILLIS, setUp } from './harness.ts';
import type { Simulator } from '../../../simulator/simulator.ts';

const MEBIBYTE = 1024 * 1024;

function bytesOf(size: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: size }, (_, index) => index % 251));
}

const START = { 'x-goog-upload-protocol': 'resumable', 'x-goog-upload-command': 'start' };

/** Starts a resumable upload. */
async function start(simulator: Simulator, size: string, file: object = {}): Promise<Response> {
  const headers = { ...START, 'x-goog-upload-header-content-length': size };
  return await call(simulator, '/upload/v1beta/files', { method: 'POST', headers, body: JSON.stringify({ file }) });
}

async function startUpload(simulator: Simulator, size: string): Promise<string> {
  const url = new URL(given((await start(simulator, size)).headers.get('x-goog-upload-url')));
  return url.pathname + url.search;
}

async function sendChunk(simulator: Simulator, path: string, command: string, offset: number, body: string) {
  const headers = { 'x-goog-upload-command': command, 'x-goog-upload-offset': String(offset) };
  return await call(simulator, path, { method: 'POST', headers, body });
}

describe('files by the SDK', () => {
  test('upload keeps name, type, size and hash', async () => {
    const { ai } = await setUp();
    const bytes = bytesOf(1_000);
    const config = { name: 'my-input', displayName: 'Mine', mimeType: 'jsonl' };
    const file = await ai.files.upload({ file: new Blob([bytes]), config });
    expect(file).toMatchObject({
      name: 'files/my-input',
      displayName: 'Mine',
      mimeType: 'jsonl',
      sizeBytes: '1000',
      sha256Hash: createHash('sha256').update(bytes).digest('base64'),
      state: 'ACTIVE',
      source: 'UPLOADED',
      uri: 'https://generativelanguage.googleapis.com/v1beta/files/my-input',
    });
    expect(await ai.files.get({ name: 'files/my-input' })).toEqual(file);
  });

  test('upload stores several chunks as one file', async () => {
    const { simulator, ai } = await setUp();
    const bytes = bytesOf(9 * MEBIBYTE);
    const file = await ai.files.upload({ file: new Blob([bytes]), config: { mimeType: 'video/mp4' } });
    expect(file.sha256Hash).toBe(createHash('sha256').update(bytes).digest('base64'));
    expect(file.name).toMatch(/^files\/[a-z0-9]{12}$/);
    expect(simulator.ledger.requests.map(({ method }) => method)).toEqual(Array(3).fill('files.upload'));
  });

  test('list returns pages; a deleted file is unknown', async () => {
    const { ai } = await setUp();
    for (const name of ['a', 'b', 'c']) {
      await ai.files.upload({ file: new Blob([name]), config: { name, mimeType: 'text/plain' } });
    }
    await ai.files.delete({ name: 'files/b' });
    const names: (string | undefined)[] = [];
    for await (const { name } of await ai.files.list({ config: { pageSize: 1 } })) names.push(name);
    expect(names).toEqual(['files/a', 'files/c']);
    await expect(ai.files.get({ name: 'files/b' })).rejects.toMatchObject({ status: 403 });
  });

  test('a file expires after 48 h', async () => {
    const { simulator, ai } = await setUp();
    await ai.files.upload({ file: new Blob(['x']), config: { name: 'old', mimeType: 'text/plain' } });
    await simulator.clock.advance(48 * HOUR_MILLIS - 1);
    await expect(ai.files.get({ name: 'old' })).resolves.toMatchObject({ name: 'files/old' });
    await simulator.clock.advance(1);
    await expect(ai.files.get({ name: 'old' })).rejects.toMatchObject({ status: 403 });
    expect((await ai.files.list()).page).toEqual([]);
  });

  test('an uploaded file cannot be downloaded, a name cannot be used twice', async () => {
    const { simulator, ai } = await setUp();
    const upload = async () =>
      await ai.files.upload({ file: new Blob(['x']), config: { name: 'mine', mimeType: 'text/plain' } });
    await upload();
    expect((await call(simulator, '/v1/files/mine:download?alt=media')).status).toBe(400);
    await expect(upload()).rejects.toThrow('ALREADY_EXISTS');
  });
});

describe('a resumable upload', () => {
  test('accepts chunks only at the next offset', async () => {
    const { simulator } = await setUp();
    const path = await startUpload(simulator, '6');
    const first = await sendChunk(simulator, path, 'upload', 0, 'abc');
    expect(first.headers.get('x-goog-upload-status')).toBe('active');
    expect((await sendChunk(simulator, path, 'upload', 0, 'abc')).status).toBe(400);
    expect((await sendChunk(simulator, path, 'upload', 4, 'def')).status).toBe(400);
    expect((await sendChunk(simulator, path, 'upload', 3, 'too long')).status).toBe(400);
    const query = await sendChunk(simulator, path, 'query', 0, '');
    expect(query.headers.get('x-goog-upload-size-received')).toBe('3');
    const last = await sendChunk(simulator, path, 'upload, finalize', 3, 'def');
    expect(last.headers.get('x-goog-upload-status')).toBe('final');
    expect(await last.json()).toMatchObject({ file: { sizeBytes: '6' } });
    expect((await sendChunk(simulator, path, 'query', 0, '')).status).toBe(404);
  });

  test('ends only with all declared bytes', async () => {
    const { simulator } = await setUp();
    const path = await startUpload(simulator, '4');
    expect((await sendChunk(simulator, path, 'upload, finalize', 0, 'abc')).status).toBe(400);
  });

  test('can be cancelled', async () => {
    const { simulator } = await setUp();
    const path = await startUpload(simulator, '4');
    expect((await sendChunk(simulator, path, 'cancel', 0, '')).status).toBe(200);
    expect((await sendChunk(simulator, path, 'upload', 0, 'abc')).status).toBe(404);
  });

  test.each(['x', '-1', String(2 ** 31 + 1)])('refuses the declared size %s', async (size) => {
    const { simulator } = await setUp();
    expect((await start(simulator, size)).status).toBe(400);
  });

  test('of the SDK for Python starts in snake case, and sends chunks without an API key', async () => {
    const { simulator, ai } = await setUp({ settings: { api: { key: 'any-key' } } });
    const started = await start(simulator, '6', { display_name: 'Mine', mime_type: 'jsonl', size_bytes: 6 });
    const headers = { 'x-goog-upload-command': 'upload, finalize', 'x-goog-upload-offset': '0' };
    const init = { method: 'POST', headers, body: '{}\n{}\n' };
    const end = await fetch(given(started.headers.get('x-goog-upload-url')), init);
    expect(end.headers.get('x-goog-upload-status')).toBe('final');
    const { file } = (await end.json()) as { file: { name: string } };
    expect(await ai.files.get(file)).toMatchObject({ displayName: 'Mine', mimeType: 'jsonl', sizeBytes: '6' });
  });

  test('needs an API key to start, and an upload_id that exists to continue', async () => {
    const { simulator } = await setUp();
    const path = `${simulator.url}/upload/v1beta/files`;
    expect((await fetch(path, { method: 'POST', headers: START, body: '{}' })).status).toBe(403);
    expect((await sendChunk(simulator, '/upload/v1beta/files?upload_id=x', 'upload', 0, '{}')).status).toBe(404);
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
});

describe('a download', () => {
  const spec = { lines: 1_000, lineBytes: 500 };

  test('by range returns that part, under both paths', async () => {
    const { simulator } = await setUp();
    const path = `/v1beta/${simulator.generateFile(spec)}:download?alt=media`;
    const whole = Buffer.from(await (await call(simulator, path)).arrayBuffer());
    expect(whole).toHaveLength(500_000);
    const part = await call(simulator, `/download${path}`, { headers: { range: 'bytes=123456-234567' } });
    expect(part.status).toBe(206);
    expect(part.headers.get('content-range')).toBe('bytes 123456-234567/500000');
    expect(whole.subarray(123_456, 234_568).equals(Buffer.from(await part.arrayBuffer()))).toBe(true);
  });

  test('of a range behind the end answers 416', async () => {
    const { simulator } = await setUp();
    const path = `/v1/${simulator.generateFile(spec)}:download?alt=media`;
    const response = await call(simulator, path, { headers: { range: 'bytes=500000-' } });
    expect(response.status).toBe(416);
    expect(response.headers.get('content-range')).toBe('bytes */500000');
  });

  test('ignores ranges if ranges is false', async () => {
    const { simulator } = await setUp({ settings: { files: { ranges: false } } });
    const path = `/v1/${simulator.generateFile(spec)}:download?alt=media`;
    const response = await call(simulator, path, { headers: { range: 'bytes=0-9' } });
    expect(response.status).toBe(200);
    expect((await response.arrayBuffer()).byteLength).toBe(500_000);
  });

  test('is cut off after the set number of bytes, once', async () => {
    const fault = { method: 'files.download', cutAfterBytes: 100_000, times: 1 };
    const { simulator } = await setUp({ settings: { api: { faults: [fault] } } });
    const path = `/v1/${simulator.generateFile(spec)}:download?alt=media`;
    const response = await call(simulator, path);
    let received = 0;
    const readAll = async () => {
      for await (const chunk of given(response.body)) received += (chunk as Uint8Array).length;
    };
    await expect(readAll()).rejects.toThrow('terminated');
    expect(received).toBe(100_000);
    expect((await (await call(simulator, path)).arrayBuffer()).byteLength).toBe(500_000);
  });

  test('of a file far larger than memory starts at once and can be aborted', async () => {
    const { simulator } = await setUp();
    const path = `/v1/${simulator.generateFile({ lines: 1e9, lineBytes: 4_096 })}:download?alt=media`;
    const response = await call(simulator, path);
    expect(response.headers.get('content-length')).toBe('4096000000000');
    const reader = given(response.body).getReader();
    expect((await reader.read()).done).toBe(false);
    await reader.cancel();
  });
});
