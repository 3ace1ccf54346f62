import { GeminiError, toGeminiError } from './errors.ts';

type Fetch = typeof globalThis.fetch;

/** Error codes of a connection that was never made: no byte of the request was sent. */
const UNREACHED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']);

/**
 * Observes one call of the SDK, because its errors do not say whether the request was sent, and for batches lack the
 * answer's headers.
 */
export class Exchange {
  #state: 'unused' | 'unreached' | 'sent' = 'unused';
  #headers: Headers | undefined;

  /** True where Gemini may have received the request. */
  get isSent(): boolean {
    return this.#state === 'sent';
  }

  /** Returns `fetch`, observed. */
  over(fetch: Fetch): Fetch {
    return async (input, init) => {
      this.#state = 'sent';
      try {
        const response = await fetch(input, init);
        this.#headers = response.headers;
        return response;
      } catch (error) {
        if (isUnreached(error)) this.#state = 'unreached';
        throw error;
      }
    };
  }

  /** Converts the error of the call. Where the SDK sent nothing it refused the request itself, as Gemini would. */
  toError(error: unknown): GeminiError {
    const failure = toGeminiError(error, this.#headers);
    if (this.#state !== 'unused') return failure;
    return new GeminiError(failure.message, { httpStatus: 400, status: 'INVALID_ARGUMENT', cause: error });
  }
}

function isUnreached(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('code' in error && UNREACHED.has(String(error.code))) || isUnreached(error.cause);
}
