import type { Webhook } from './administration.ts';

/** The stored secrets, sorted for a rotation. */
interface Sorted {
  readonly kept: readonly string[];
  /** Secrets that no webhook of the project signs with: kept, and dropped. */
  readonly unlisted: readonly string[];
  readonly dropped: readonly string[];
}

/**
 * Sorts stored secrets by the webhooks that Gemini lists. An API key lists one project only, so a secret without a webhook
 * has either ended or belongs to another project: it is dropped on request only.
 *
 * @param listed all webhooks of the project before the rotation.
 * @param endedOf the webhook whose secrets the rotation ends, if it does.
 */
export function sortSecrets(
  known: readonly string[],
  listed: readonly Webhook[],
  { dropUnlisted, endedOf }: { dropUnlisted: boolean; endedOf: string | undefined },
): Sorted {
  const isListed = (secret: string) => listed.some((webhook) => mayOwn(webhook, secret));
  const stays = (secret: string) => listed.some((webhook) => webhook.id !== endedOf && mayOwn(webhook, secret));
  const unlisted = known.filter((secret) => !isListed(secret));
  if (dropUnlisted) return { kept: known.filter(stays), unlisted: [], dropped: unlisted };
  return { kept: known.filter((secret) => stays(secret) || !isListed(secret)), unlisted, dropped: [] };
}

/** Returns true where the secrets include each lasting one of the webhook: those without an end. */
export function canVerify(
  secrets: readonly string[],
  { signing_secrets: shown }: Pick<Webhook, 'signing_secrets'>,
): boolean {
  const lasting = shown.filter(({ expire_time: end }) => end === undefined);
  return lasting.every(({ truncated_secret: text = '' }) => secrets.some((secret) => tailOf(secret) === tailOf(text)));
}

/** Shortens a secret as Gemini shows it (docs/gemini-wire.md 3.1). */
export function truncated(secret: string): string {
  return `whsec_...${tailOf(secret)}`;
}

/** Compares the last four characters, which Gemini shows; where it shows none, any secret could be the webhook's. */
function mayOwn({ signing_secrets: shown }: Webhook, secret: string): boolean {
  if (shown.length === 0) return true;
  return shown.some(({ truncated_secret: text = '' }) => secret.endsWith(tailOf(text)));
}

function tailOf(secret: string): string {
  return secret.slice(-4);
}
