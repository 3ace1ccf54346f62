import type { Webhook } from './administration.ts';

/** What becomes of the secrets that a store has when a new one joins them. */
export interface Sorted {
  readonly kept: readonly string[];
  /** Those that no webhook of the project signs with, by whether they are kept. */
  readonly unlisted: readonly string[];
  readonly dropped: readonly string[];
}

/**
 * Sorts a store's secrets by what Gemini lists. An API key shows one project only, so that a secret which nothing lists
 * has ended, or it is of another project's webhook; nobody can tell, and it goes only where that is wanted.
 *
 * @param listed all webhooks of the project, as they were before the rotation.
 * @param endedOf the webhook whose secrets the rotation has ended, if it has.
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

/** Whether what a webhook signs with from now on is among them: those of its secrets that have no end. */
export function canVerify(
  secrets: readonly string[],
  { signing_secrets: shown }: Pick<Webhook, 'signing_secrets'>,
): boolean {
  const lasting = shown.filter(({ expire_time: end }) => end === undefined);
  return lasting.every(({ truncated_secret: text = '' }) => secrets.some((secret) => tailOf(secret) === tailOf(text)));
}

/** A secret as Gemini shows it (G 3.1). */
export function truncated(secret: string): string {
  return `whsec_...${tailOf(secret)}`;
}

/** Gemini shows the last four characters of a webhook's secrets; where it shows none, any could be its. */
function mayOwn({ signing_secrets: shown }: Webhook, secret: string): boolean {
  if (shown.length === 0) return true;
  return shown.some(({ truncated_secret: text = '' }) => secret.endsWith(tailOf(text)));
}

function tailOf(secret: string): string {
  return secret.slice(-4);
}
