import { GoogleGenAI } from '@google/genai';
import type { Log } from '../observability/log.ts';
import { redactSecret } from '../observability/redaction.ts';
import { Secrets } from '../config/secrets.ts';
import { firstOf, type GeminiSettings } from '../config/settings.ts';
import type { GeminiEndpoint } from './endpoint.ts';
import type { Exchange } from './exchange.ts';
import { GeminiHttp } from './http.ts';
import { followRedirects } from './redirects.ts';

/** Gemini's SDK, and GET requests whose answers are read as streams. */
export interface Gemini {
  readonly ai: GoogleGenAI;
  readonly gemini: GeminiHttp;
  /** Returns an SDK for one observed call. */
  readonly watched: (exchange: Exchange) => GoogleGenAI;
}

/**
 * Returns Gemini's SDK with explicit settings, because the environment alone could send it to another platform
 * (docs/gemini-wire.md 2.1).
 */
export function connectGemini({ apiKeys, ...place }: GeminiSettings): GoogleGenAI {
  return connectSdk({ apiKey: firstOf(apiKeys), ...place });
}

/** Returns a function that connects with the current API key. A key that is rotated in its file is used within 30 s. */
export function geminiByKey({ apiKeys, ...place }: GeminiSettings, log: Log): () => Promise<Gemini> {
  const clients = new Secrets({
    name: 'GEMINI_API_KEY_FILE',
    source: apiKeys,
    make: (apiKey) => connect({ apiKey, ...place }),
    log,
  });
  return () => clients.first();
}

function connect(access: GeminiEndpoint): Gemini {
  return {
    ai: connectSdk(access),
    gemini: new GeminiHttp(access),
    watched: (exchange) => connectSdk(access, exchange),
  };
}

function connectSdk({ apiKey, baseUrl, apiVersion }: GeminiEndpoint, exchange?: Exchange): GoogleGenAI {
  redactSecret(apiKey);
  const httpOptions = { baseUrl: baseUrl.href, apiVersion, fetch: exchange?.over(fetchSameOrigin) ?? fetchSameOrigin };
  return new GoogleGenAI({ apiKey, enterprise: false, vertexai: false, httpOptions });
}

/** Follows redirects inside an origin, and refuses all others: the SDK sends the API key with every request. */
async function fetchSameOrigin(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const request = input instanceof Request ? input : new Request(input, init);
  const { method, headers, body } = request;
  const bytes = body && (await request.bytes());
  const options = { method, headers, body: bytes, redirect: 'manual', signal: init?.signal ?? request.signal } as const;
  const start = new URL(request.url);
  return await followRedirects(start, async (url) => {
    if (url.origin !== start.origin) throw new TypeError('fetch failed: Gemini redirected to another origin.');
    return await fetch(url, options);
  });
}
