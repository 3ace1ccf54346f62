import type { Access } from './access.ts';
import { fromAnswer, GeminiError, toGeminiError } from './errors.ts';

/** A range outside the file; the answer gives the file's size. */
const RANGE_NOT_SATISFIABLE = 416;

const MAX_REDIRECTS = 5;
const MAX_ERROR_CHARACTERS = 4_096;

/** An answer whose headers have arrived and whose body is read as a stream. */
export interface OpenAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: AsyncIterable<Uint8Array>;
}

/** GET requests whose answers are read as streams, which the SDK cannot do: operations of batches, files. */
export class GeminiHttp {
  readonly #apiKey: string;
  readonly #base: string;
  readonly #origin: string;

  constructor({ apiKey, baseUrl, apiVersion }: Access) {
    this.#apiKey = apiKey;
    this.#base = `${baseUrl.href.replace(/\/+$/, '')}/${apiVersion}`;
    this.#origin = baseUrl.origin;
  }

  /**
   * Sends a GET request and follows redirects.
   *
   * @param path of a resource, without the version: `batches/abc`.
   * @throws {GeminiError} for every answer except 2xx and 416, and where no answer came.
   */
  async open(path: string, signal: AbortSignal, headers: Readonly<Record<string, string>> = {}): Promise<OpenAnswer> {
    let url = new URL(`${this.#base}/${path}`);
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      const response = await this.#get(url, signal, headers);
      const location = response.status >= 300 && response.status < 400 ? response.headers.get('location') : null;
      if (location === null) return await opened(response);
      await response.body?.cancel();
      url = new URL(location, url);
    }
    throw new GeminiError(`Gemini redirected more than ${MAX_REDIRECTS} times. Check GOOGLE_GEMINI_BASE_URL.`, {
      httpStatus: 508,
    });
  }

  /** Sends the key to Gemini's own origin only, also after a redirect (docs/gemini-wire.md 1.17). */
  async #get(url: URL, signal: AbortSignal, headers: Readonly<Record<string, string>>): Promise<Response> {
    const key = url.origin === this.#origin ? { 'x-goog-api-key': this.#apiKey } : {};
    // A range counts uncompressed bytes, so a compressed answer could not be resumed.
    const all = { ...headers, ...key, 'accept-encoding': 'identity' };
    try {
      return await fetch(url, { headers: all, redirect: 'manual', signal });
    } catch (error) {
      signal.throwIfAborted();
      throw toGeminiError(error);
    }
  }
}

async function opened(response: Response): Promise<OpenAnswer> {
  const { status, headers, body } = response;
  if ((status >= 200 && status < 300) || status === RANGE_NOT_SATISFIABLE)
    return { status, headers, body: body ?? emptyBody() };
  const text = (await response.text().catch(() => '')).slice(0, MAX_ERROR_CHARACTERS);
  throw fromAnswer(status, text, headers);
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {}
