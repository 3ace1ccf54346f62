import { GoogleGenAI } from '@google/genai';
import type { Log } from '../platform/log.ts';
import { hide } from '../platform/redaction.ts';
import { Secrets } from '../platform/secrets.ts';
import { firstOf, type GeminiSettings } from '../platform/settings.ts';
import type { Exchange } from './exchange.ts';
import { GeminiHttp } from './http.ts';

/** Who asks, and where. */
export interface Access {
  readonly apiKey: string;
  readonly baseUrl: URL;
  /** `v1`, `v1beta`. */
  readonly apiVersion: string;
}

/** The two ways to Gemini: its SDK, and GET requests whose answers are streams. */
export interface Gemini {
  readonly ai: GoogleGenAI;
  readonly gemini: GeminiHttp;
  /** The SDK for one call that is watched on the wire. */
  readonly watched: (exchange: Exchange) => GoogleGenAI;
}

/** Gemini's SDK, told everything: nothing is left to the environment, which could send it to another platform (G 2.1). */
export function connectGemini({ apiKeys, ...place }: GeminiSettings): GoogleGenAI {
  return connectSdk({ apiKey: firstOf(apiKeys), ...place });
}

/** Gemini under the key that is good now: one that was rotated in its file is used within 30 s. */
export function geminiByKey({ apiKeys, ...place }: GeminiSettings, log: Log): () => Promise<Gemini> {
  const clients = new Secrets({
    name: 'GEMINI_API_KEY_FILE',
    source: apiKeys,
    make: (apiKey) => connect({ apiKey, ...place }),
    log,
  });
  return () => clients.first();
}

function connect(access: Access): Gemini {
  return {
    ai: connectSdk(access),
    gemini: new GeminiHttp(access),
    watched: (exchange) => connectSdk(access, exchange),
  };
}

function connectSdk({ apiKey, baseUrl, apiVersion }: Access, exchange?: Exchange): GoogleGenAI {
  hide(apiKey);
  keepKeyAtHome();
  const watching = exchange === undefined ? {} : { fetch: exchange.over(fetch) };
  const httpOptions = { baseUrl: baseUrl.href, apiVersion, ...watching };
  return new GoogleGenAI({ apiKey, enterprise: false, vertexai: false, httpOptions });
}

const KEY_HEADER = 'x-goog-api-key';

let isKeyKept = false;

/**
 * Ends a request with an API key that is told to go elsewhere. The SDK takes the global `fetch`, cannot be given another
 * one, and lets it follow redirects; at another origin `fetch` drops `Authorization`, but not Gemini's header.
 */
function keepKeyAtHome(): void {
  if (isKeyKept) return;
  isKeyKept = true;
  const { fetch } = globalThis;
  globalThis.fetch = async (input, init) => {
    const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
    return await fetch(input, headers.has(KEY_HEADER) ? { redirect: 'error', ...init } : init);
  };
}
