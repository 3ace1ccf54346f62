import type { Context } from '../context.ts';
import { CliError, usageError } from '../errors.ts';
import type { Terminal } from '../terminal.ts';
import { connectWebhooks, type Webhooks } from './administration.ts';
import { sortSecrets, truncated } from './ownership.ts';
import { pingAfterwards } from './ping.ts';
import { proveSecret } from './proof.ts';
import { prepare, type SecretOptions, storeOf } from './secretOptions.ts';
import { keepSecret, type SecretStore } from './secretStores.ts';

export interface RotateOptions extends SecretOptions {
  readonly revokeNow?: true;
  readonly dropUnlisted?: true;
  readonly wait: string;
}

interface Rotation {
  readonly id: string;
  readonly uri: string;
  readonly old_secret_ends: string;
  /** Those of the store that no webhook of the project signs with, as Gemini shows secrets: kept, or removed. */
  readonly unlisted_secrets: readonly string[];
  readonly dropped_secrets: readonly string[];
}

/** Rotates a signing secret. Every step leaves a working state: both secrets are kept before anything is proved. */
export async function rotateCommand(id: string, options: RotateOptions, context: Context): Promise<void> {
  const { terminal } = context;
  const { revokeNow = false, dropUnlisted = false, printSecret = false } = options;
  const waitMillis = requireSeconds(options.wait) * 1_000;
  const { webhooks } = await connectWebhooks(context);
  const store = await storeOf(options, context);
  await context.confirm(
    `rotate the signing secret of the webhook ${id}; the old one ends ${revokeNow ? 'at once' : 'in 24 h'}`,
  );
  const known = await prepare(store);
  const { uri } = await webhooks.get(id);
  const { kept, dropped, unlisted } = sortSecrets(known, await webhooks.list(), {
    dropUnlisted,
    endedOf: revokeNow ? id : undefined,
  });

  const secret = await webhooks.rotate(id, { revokeNow });
  const done = `The secret of the webhook ${id} is rotated`;
  if (store) {
    await keepSecret(store, [secret, ...kept], { id, done });
    terminal.note(`The new secret is in ${store.name}, beside ${kept.length} older.`);
  }
  const rotation = {
    id,
    uri,
    old_secret_ends: revokeNow ? 'now' : await endOfOld(webhooks, id),
    unlisted_secrets: unlisted.map(truncated),
    dropped_secrets: dropped.map(truncated),
  };
  terminal.result({ ...rotation, ...(printSecret ? { secret } : {}) }, () =>
    textOf(rotation, printSecret ? secret : undefined),
  );

  if (store) await requireProof(rotation, { secret, store, waitMillis }, terminal);
  await pingAfterwards(webhooks, rotation, store ? `${done}, kept and proved` : done, terminal);
}

/** Returns the end of the previous secret, which is the latest of all ends; a day where Gemini cannot be read. */
async function endOfOld(webhooks: Webhooks, id: string): Promise<string> {
  const secrets = await webhooks.get(id).then(
    ({ signing_secrets: list }) => list,
    () => [],
  );
  const ends = secrets.flatMap(({ expire_time: end }) => end ?? []);
  return ends.toSorted((a, b) => Date.parse(a) - Date.parse(b)).at(-1) ?? 'in 24 h';
}

/** @throws {CliError} `ROTATION_NOT_PROVED` where the function did not accept the new secret in time. */
async function requireProof(
  { uri, old_secret_ends: end }: Rotation,
  { secret, store, waitMillis }: { secret: string; store: SecretStore; waitMillis: number },
  terminal: Terminal,
): Promise<void> {
  terminal.note(`Waiting until ${uri} accepts a ping that is signed with the new secret alone …`);
  const refusal = await proveSecret(uri, secret, waitMillis);
  if (refusal !== undefined) {
    throw new CliError(
      'ROTATION_NOT_PROVED',
      `The secret is rotated and kept, but after ${waitMillis / 1_000} s ${uri} still does not accept it ` +
        `(${refusal}). Check that the function reads ${store.name}. Rotating again does not help. ` +
        `The old one ends ${end}.`,
    );
  }
  terminal.note('Proved: the function accepts the new secret.');
}

function textOf(rotation: Rotation, secret: string | undefined): string {
  const { uri, old_secret_ends: end, dropped_secrets: dropped, unlisted_secrets: unlisted } = rotation;
  return [
    `Rotated the signing secret of ${uri}.`,
    `The old one ends ${end}.`,
    dropped.length > 0 &&
      `Removed: ${dropped.join(', ')}, which no webhook of this project signs with. If a webhook of another project does, rotate its secret too.`,
    unlisted.length > 0 &&
      `Still accepted: ${unlisted.join(', ')}, which no webhook of this project signs with. If no webhook of another project does, remove them with --drop-unlisted.`,
    secret,
  ]
    .filter(Boolean)
    .join('\n');
}

function requireSeconds(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw usageError(`--wait ${text} must be a number of seconds, for example 90.`);
}
