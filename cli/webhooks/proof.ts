import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, isAccepted, post, signedPost } from '../events/post.ts';

const PAUSE_MILLIS = 2_000;
const ATTEMPT_MILLIS = 10_000;

/**
 * Sends geminiCallback a ping signed with the new secret alone, until it accepts it.
 *
 * Gemini's ping proves nothing: during a rotation it is signed with the old secret, too. geminiCallback reads a mounted
 * secret again within 30 s, so the wait is longer.
 *
 * @returns the last refusal, `undefined` once the ping was accepted.
 */
export async function proveSecret(uri: string, secret: string, waitMillis: number): Promise<string | undefined> {
  const endsAt = performance.now() + waitMillis;
  const id = `ping_${randomUUID()}`;
  for (;;) {
    const body = Buffer.from(
      JSON.stringify({ type: 'webhook.ping', version: 'v1', timestamp: new Date().toISOString() }),
    );
    const answer = await post(signedPost(uri, id, body, secret), AbortSignal.timeout(ATTEMPT_MILLIS));
    if (isAccepted(answer)) return undefined;
    if (performance.now() + PAUSE_MILLIS > endsAt) return refusalIn(answer);
    await sleep(PAUSE_MILLIS);
  }
}

function refusalIn(answer: Answer): string {
  if ('failure' in answer) return answer.failure;
  const [, reason = ''] = /"reason":\s*"([A-Z_]{1,64})"/.exec(answer.text) ?? [];
  return `${answer.status} ${reason}`.trim();
}
