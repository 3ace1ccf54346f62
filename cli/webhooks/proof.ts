import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { rootMessageOf } from '../errors.ts';

const PAUSE_MILLIS = 2_000;
const ATTEMPT_MILLIS = 10_000;

/** A receiver's answer to a delivery signed with the new secret alone. */
type Proof = { readonly accepted: true } | { readonly accepted: false; readonly answer: string };

/**
 * Sends geminiCallback a ping signed with the new secret alone, until it accepts it.
 *
 * Gemini's ping proves nothing: during a rotation it is signed with the old secret, too. geminiCallback reads a mounted
 * secret again within 30 s, so the wait is longer.
 */
export async function proveSecret(uri: string, secret: string, waitMillis: number): Promise<Proof> {
  const endsAt = performance.now() + waitMillis;
  const id = `ping_${randomUUID()}`;
  let answer = '';
  for (;;) {
    try {
      const response = await fetch(uri, signedPing(id, secret));
      if (response.ok) return { accepted: true };
      answer = `${response.status} ${reasonIn(await response.text())}`.trim();
    } catch (error) {
      answer = rootMessageOf(error);
    }
    if (performance.now() + PAUSE_MILLIS > endsAt) return { accepted: false, answer };
    await sleep(PAUSE_MILLIS);
  }
}

function signedPing(id: string, secret: string): RequestInit {
  const now = new Date();
  const body = JSON.stringify({ type: 'webhook.ping', version: 'v1', timestamp: now.toISOString() });
  return {
    method: 'POST',
    body,
    redirect: 'error',
    signal: AbortSignal.timeout(ATTEMPT_MILLIS),
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
      'webhook-signature': new StandardWebhook(secret).sign(id, now, body),
    },
  };
}

/** Returns the reason in an answer of geminiCallback. */
function reasonIn(body: string): string {
  return /"reason":\s*"([A-Z_]{1,64})"/.exec(body)?.[1] ?? '';
}
