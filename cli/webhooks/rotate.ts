import { CliError, EXIT, usageError } from '../errors.ts';
import type { Terminal } from '../terminal.ts';
import { connectWebhooks, type Webhooks } from './administration.ts';
import { proveSecret } from './proof.ts';
import { prepare, type SecretOptions, storeOf } from './secretOptions.ts';
import { keepSecret } from './secretStores.ts';
import { belongsTo } from './signingSecrets.ts';

export interface RotateOptions extends SecretOptions {
  readonly revokeNow?: true;
  readonly wait: string;
}

interface Rotation {
  readonly id: string;
  readonly uri: string;
  readonly old_secret_ends: string;
}

/** Every step leaves something that works: both secrets are kept before anything is proved. */
export async function rotateSecret(
  id: string,
  options: RotateOptions,
  terminal: Terminal,
  variables: NodeJS.ProcessEnv,
): Promise<void> {
  const { revokeNow = false, printSecret = false } = options;
  const waitMillis = requireSeconds(options.wait) * 1_000;
  const { webhooks } = connectWebhooks(variables);
  const store = storeOf(options, variables);
  const known = await prepare(store);
  const before = await webhooks.get(id);

  const secret = await webhooks.rotate(id, { revokeNow });
  const kept = revokeNow ? known.filter((old) => !belongsTo(old, before)) : known;
  if (store) {
    await keepSecret(store, [secret, ...kept], id);
    terminal.note(`The new secret is in ${store.name}, beside ${kept.length} older.`);
  }
  const rotation = { id, uri: before.uri, old_secret_ends: revokeNow ? 'now' : await endOfOld(webhooks, id) };
  terminal.result({ ...rotation, ...(printSecret ? { secret } : {}) }, () =>
    textOf(rotation, printSecret ? secret : undefined),
  );

  if (store) await requireProof(rotation, secret, waitMillis, terminal);
  await webhooks.ping(id);
  terminal.note(`Gemini sends a ping to ${rotation.uri}.`);
}

/** Where Gemini does not say it now, it is about a day. */
async function endOfOld(webhooks: Webhooks, id: string): Promise<string> {
  const secrets = await webhooks.get(id).then(
    ({ signing_secrets: list }) => list,
    () => [],
  );
  return secrets.map(({ expire_time: end }) => end).findLast((end) => end !== undefined) ?? 'in 24 h';
}

/** @throws {CliError} `ROTATION_NOT_PROVED` where the function did not accept the new secret in time. */
async function requireProof(
  { uri, old_secret_ends: end }: Rotation,
  secret: string,
  waitMillis: number,
  terminal: Terminal,
): Promise<void> {
  terminal.note(`Waiting until ${uri} accepts a ping that is signed with the new secret alone …`);
  const proof = await proveSecret(uri, secret, waitMillis);
  if (!proof.accepted) {
    throw new CliError(
      'ROTATION_NOT_PROVED',
      `The secret is rotated and kept, but after ${waitMillis / 1_000} s ${uri} still does not accept it ` +
        `(${proof.answer}). See to it that the function reads it there; the old one ends ${end}.`,
      { exitCode: EXIT.unproved },
    );
  }
  terminal.note('Proved: the function accepts the new secret.');
}

function textOf({ uri, old_secret_ends: end }: Rotation, secret: string | undefined): string {
  const lines = [`Rotated the signing secret of ${uri}.`, `The old one ends ${end}.`];
  return [...lines, ...(secret === undefined ? [] : [secret])].join('\n');
}

function requireSeconds(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw usageError(`--wait ${text} must be a number of seconds, for example 90.`);
}
