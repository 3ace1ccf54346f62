import type { IncomingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';
import type { GoogleGenAI } from '@google/genai';
import { expect, test } from 'vitest';
import { connectGemini } from '../../../../functions/gemini/client.ts';
import { GeminiHttp } from '../../../../functions/gemini/http.ts';
import { sendJson, serveHttpInTest } from '../../../support/server.ts';
import { isBatchName, isInteractionName, isOperationName } from '../../../../functions/gemini/names.ts';

const apiKey = 'the-key-of-a-test';

/** A Gemini that redirects every request to another origin, and the headers that arrive at both. */
async function redirecting() {
  const elsewhere: IncomingHttpHeaders[] = [];
  const atHome: IncomingHttpHeaders[] = [];
  const other = await serveHttpInTest((request, response) => {
    elsewhere.push(request.headers);
    response.end('{}');
  });
  const home = await serveHttpInTest((request, response) => {
    atHome.push(request.headers);
    response.writeHead(302, { location: `${other.url}${request.url}` }).end();
  });
  return { baseUrl: new URL(home.url), elsewhere, atHome };
}

test.each(['interactions', 'files', 'batches'] as const)(
  'the SDK does not take the API key along when ai.%s is redirected',
  async (resource) => {
    const { baseUrl, elsewhere, atHome } = await redirecting();
    const ai = connectGemini({ apiKeys: { fixed: [apiKey], isValid: () => true }, baseUrl, apiVersion: 'v1' });
    const asking = {
      interactions: () => ai.interactions.get('x', {}, { maxRetries: 0 }),
      files: () => ai.files.get({ name: 'files/x' }),
      batches: () => ai.batches.get({ name: 'batches/x' }),
    };
    await expect(asking[resource]()).rejects.toThrow(/fetch failed|connection error/i);
    expect(atHome.map((headers) => headers['x-goog-api-key'])).toContain(apiKey);
    expect(elsewhere).toEqual([]);
  },
);

/** A Gemini that redirects every request inside its origin, and the requests that arrive. */
async function moved(location = '/moved'): Promise<{ ai: GoogleGenAI; arrived: string[] }> {
  const arrived: string[] = [];
  const home = await serveHttpInTest(async (request, response) => {
    const { method, url, headers } = request;
    arrived.push([method, url, headers['x-goog-api-key'], await text(request)].join(' '));
    if (url === '/moved') sendJson(response, 200, { name: 'x' });
    else response.writeHead(308, { location }).end();
  });
  const apiKeys = { fixed: [apiKey], isValid: () => true };
  return { ai: connectGemini({ apiKeys, baseUrl: new URL(home.url), apiVersion: 'v1' }), arrived };
}

test('the SDK follows a redirect inside the origin, with the API key and the body', async () => {
  const { ai, arrived } = await moved();
  await ai.interactions.get('x', {}, { maxRetries: 0 });
  await ai.files.get({ name: 'files/x' });
  await ai.batches.cancel({ name: 'batches/x' });
  expect(arrived.filter((request) => request.includes('/moved'))).toEqual([
    `GET /moved ${apiKey} `,
    `GET /moved ${apiKey} `,
    `POST /moved ${apiKey} {}`,
  ]);
});

test('the SDK does not follow in circles', async () => {
  const { ai, arrived } = await moved('/round');
  await expect(ai.files.get({ name: 'files/x' })).rejects.toThrow('redirected more than');
  expect(arrived.length).toBeLessThan(10);
});

test('a stream follows a redirect, without the API key', async () => {
  const { baseUrl, elsewhere, atHome } = await redirecting();
  const gemini = new GeminiHttp({ apiKey, baseUrl, apiVersion: 'v1' });
  const { status } = await gemini.open('files/x', AbortSignal.timeout(5_000));
  expect(status).toBe(200);
  expect(atHome[0]).toMatchObject({ 'x-goog-api-key': apiKey });
  expect(elsewhere).toHaveLength(1);
  expect(elsewhere[0]).not.toHaveProperty('x-goog-api-key');
});

test.each(['..', '.', 'a/b', 'a?b', 'a%2Fb', '', 'a#b', 'a\nb', '../x'])('"%s" is no part of a name', (part) => {
  expect([isBatchName(`batches/${part}`), isInteractionName(`interactions/${part}`)]).toEqual([false, false]);
  expect([isOperationName(`models/${part}/operations/x`), isOperationName(`models/x/operations/${part}`)]).toEqual([
    false,
    false,
  ]);
});

test.each(['abc', 'v1_a-b', 'a.b', '..a', '123'])('"%s" is one', (part) => {
  expect([isBatchName(`batches/${part}`), isInteractionName(`interactions/${part}`)]).toEqual([true, true]);
  expect(isOperationName(`models/${part}/operations/${part}`)).toBe(true);
});
