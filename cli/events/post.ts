import { Webhook } from 'standardwebhooks';
import { rootMessageOf, usageError } from '../errors.ts';

const ANSWER_MILLIS = 30_000;
/** The part of an answer that is shown. */
const MAX_ANSWER_CHARACTERS = 2_000;

/** A signed delivery, as Gemini sends it for a static webhook. */
export interface SignedPost {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** A receiver's answer, or why there was none. */
export type Answer = { readonly status: number; readonly text: string } | { readonly failure: string };

/** Signs with a `whsec_` secret and a fresh timestamp, by Standard Webhooks. */
export function signedPost(url: string, webhookId: string, body: Buffer, secret: string, now = new Date()): SignedPost {
  const signature = signerOf(secret).sign(webhookId, now, body.toString('utf8'));
  return {
    url,
    body,
    headers: {
      'content-type': 'application/json',
      'webhook-id': webhookId,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
      'webhook-signature': signature,
    },
  };
}

/** @throws {CliError} where the secret cannot be one; it is not repeated. */
export function requireSecret(secret: string): void {
  signerOf(secret);
}

/** Sends a delivery. A redirect is not followed: a signed body is sent to no other address. */
export async function post({ url, headers, body }: SignedPost, signal?: AbortSignal): Promise<Answer> {
  const timeOut = AbortSignal.timeout(ANSWER_MILLIS);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body: new Uint8Array(body),
      redirect: 'manual',
      signal: signal ? AbortSignal.any([signal, timeOut]) : timeOut,
    });
    return { status: response.status, text: (await response.text()).slice(0, MAX_ANSWER_CHARACTERS) };
  } catch (error) {
    return { failure: rootMessageOf(error) };
  }
}

export function isAccepted(answer: Answer): boolean {
  return 'status' in answer && answer.status >= 200 && answer.status < 300;
}

function signerOf(secret: string): Webhook {
  try {
    if (secret.startsWith('whsec_') && secret.length > 'whsec_'.length) return new Webhook(secret);
  } catch {}
  throw usageError('--secret must be a signing secret: whsec_ and base64.');
}
