import { createHmac, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { matchesV1, v1Signer } from '../../functions/callback/v1.ts';
import { median } from '../bench/measure.ts';

/** So many that comparing them takes most of the time. */
const ENTRIES = 1_000;
const CALLS = 20;
const ROUNDS = 31;

test('how long a refusal takes does not tell how much of a signature is right', { retry: 1 }, () => {
  const secret = randomBytes(32);
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const request = { path: '/', webhookId: 'msg_timed', timestamp, signature: '', body: Buffer.from('{}') };
  const hmac = createHmac('sha256', secret).update(`msg_timed.${timestamp}.{}`).digest();
  const signers = [v1Signer(`whsec_${secret.toString('base64')}`)];

  /** Each of them wrong in the two bytes at a place, and in nothing else. */
  const wrongAt = (place: number) =>
    Array.from({ length: ENTRIES }, (_, n) => {
      const wrong = Buffer.from(hmac);
      wrong.writeUInt16BE(wrong.readUInt16BE(place) ^ (n + 1), place);
      return wrong.toString('base64');
    });

  /** Microseconds of processor time; less of the machine's other work is in it than in the time that passes. */
  function microsOf(signatures: readonly string[]): number {
    const before = process.cpuUsage();
    for (let n = 0; n < CALLS; n++) expect(matchesV1(request, signatures, signers)).toBe(false);
    const { user, system } = process.cpuUsage(before);
    return user + system;
  }

  const [first, last] = [wrongAt(0), wrongAt(hmac.length - 2)];
  const rounds = Array.from({ length: ROUNDS }, () => ({ first: microsOf(first), last: microsOf(last) }));
  const ratio = median(rounds.map((round) => round.last)) / median(rounds.map((round) => round.first));
  expect(ratio).toBeGreaterThan(0.85);
  expect(ratio).toBeLessThan(1.15);
});
