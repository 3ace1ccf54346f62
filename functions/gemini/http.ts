import type { GeminiEndpoint } from './endpoint.ts';
import { fromResponse, toGeminiError } from './errors.ts';
import { followRedirects } from './redirects.ts';

/** A range outside the file; the response gives the file's size. */
const RANGE_NOT_SATISFIABLE = 416;

const MAX_ERROR_CHARACTERS = 4_096;

/** A response whose headers have arrived and whose body is read as a stream. */
export interface OpenResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: AsyncIterable<Uint8Array>;
}

/** GET requests whose responses are read as streams, which the SDK cannot do: operations of batches, files. */
export class GeminiHttp {
  readonly #apiKey: string;
  readonly #base: string;
  readonly #origin: string;

  constructor({ apiKey, baseUrl, apiVersion }: GeminiEndpoint) {
    this.#apiKey = apiKey;
    this.#base = `${baseUrl.href.replace(/\/+$/, '')}/${apiVersion}`;
    this.#origin = baseUrl.origin;
  }

  /**
   * Sends a GET request and follows redirects.
   *
   * @param path of a resource, without the version: `batches/abc`.
   * @throws {GeminiError} for every response except 2xx and 416, and without a response.
   */
  async open(path: string, signal: AbortSignal, headers: Readonly<Record<string, string>> = {}): Promise<OpenResponse> {
    const start = new URL(`${this.#base}/${path}`);
    try {
      return await opened(await followRedirects(start, (url) => this.#get(url, signal, headers)));
    } catch (error) {
      signal.throwIfAborted();
      throw toGeminiError(error);
    }
  }

  /** Sends the key to Gemini's own origin only, also after a redirect (docs/gemini-wire.md 1.17). */
  async #get(url: URL, signal: AbortSignal, headers: Readonly<Record<string, string>>): Promise<Response> {
    const key = url.origin === this.#origin ? { 'x-goog-api-key': this.#apiKey } : {};
    // A range counts uncompressed bytes, so a compressed response could not be resumed.
    const all = { ...headers, ...key, 'accept-encoding': 'identity' };
    return await fetch(url, { headers: all, redirect: 'manual', signal });
  }
}

async function opened(response: Response): Promise<OpenResponse> {
  const { status, headers, body } = response;
  if ((status >= 200 && status < 300) || status === RANGE_NOT_SATISFIABLE)
    return { status, headers, body: body ?? emptyBody() };
  const text = (await response.text().catch(() => '')).slice(0, MAX_ERROR_CHARACTERS);
  throw fromResponse(status, text, headers);
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {}
