import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import type { AttemptAnswer } from '../ledger.ts';

/** The longest kept answer of an endpoint, in characters. */
const KEPT_BODY = 2_000;

/**
 * Sends each attempt over a new connection, because an endpoint can close a kept one just as the next attempt is sent, a
 * failure that no seed repeats. Redirects are not followed.
 */
export class Poster {
  readonly #closing = new AbortController();

  /** Posts a body. Never rejects: a failure is the answer's `error`. */
  async post(
    uri: string,
    headers: Readonly<Record<string, string>>,
    body: string,
    timeoutMillis: number,
  ): Promise<AttemptAnswer> {
    const start = performance.now();
    const elapsed = () => Math.round(performance.now() - start);
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(timeoutMillis)]);
    try {
      const answer = await this.#send(uri, headers, body, signal);
      return { ...answer, latencyMillis: elapsed() };
    } catch (error) {
      const reason = signal.aborted ? (this.#closing.signal.aborted ? 'closed' : 'time-out') : message(error);
      return { error: reason, body: '', latencyMillis: elapsed() };
    }
  }

  /** Aborts requests in flight. */
  close(): void {
    this.#closing.abort();
  }

  async #send(uri: string, headers: Readonly<Record<string, string>>, body: string, signal: AbortSignal) {
    const options = { method: 'POST', headers, signal, agent: false as const };
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
    const request = (uri.startsWith('https:') ? httpsRequest : httpRequest)(uri, options, (response) => {
      text(response).then(
        (answer) => resolve({ status: response.statusCode ?? 0, body: answer.slice(0, KEPT_BODY) }),
        reject,
      );
    });
    request.on('error', reject).end(body);
    return await promise;
  }
}

function message(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
