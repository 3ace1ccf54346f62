import type { Webhook } from './administration.ts';

type Signing = Pick<Webhook, 'signing_secrets'>;

/** Whether it is one of a webhook's secrets, of which Gemini shows the last four characters. */
export function belongsTo(secret: string, { signing_secrets }: Signing): boolean {
  return signing_secrets.some(({ truncated_secret: shown = '' }) => matches(secret, shown));
}

/** Whether what a webhook signs with from now on is among them: those of its secrets that have no end. */
export function canVerify(secrets: readonly string[], { signing_secrets }: Signing): boolean {
  const lasting = signing_secrets.filter(({ expire_time: end }) => end === undefined);
  return lasting.every(({ truncated_secret: shown = '' }) => secrets.some((secret) => matches(secret, shown)));
}

function matches(secret: string, shown: string): boolean {
  return shown.length >= 4 && secret.endsWith(shown.slice(-4));
}
