import { GeminiError, toGeminiError } from './errors.ts';

export type Fetch = typeof globalThis.fetch;

/** A connection that was never made: nothing of the request has left. */
const UNREACHED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']);

/** Watches one call of the SDK, whose errors say neither whether anything was sent nor, for batches, the answer's headers. */
export class Exchange {
  #state: 'unasked' | 'unreached' | 'sent' = 'unasked';
  #headers: Headers | undefined;

  /** Whether Gemini may have received the request. */
  get isSent(): boolean {
    return this.#state === 'sent';
  }

  /** The same `fetch`, watched. */
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

  /** What the call failed by. Where the SDK has sent nothing, it refuses the request as Gemini would. */
  toError(error: unknown): GeminiError {
    const failure = toGeminiError(error, this.#headers);
    if (this.#state !== 'unasked') return failure;
    return new GeminiError(failure.message, { httpStatus: 400, status: 'INVALID_ARGUMENT', cause: error });
  }
}

function isUnreached(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('code' in error && UNREACHED.has(String(error.code))) || isUnreached(error.cause);
}
