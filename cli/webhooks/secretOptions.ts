import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { CliError, reasonOf, usageError } from '../errors.ts';
import type { SecretStore } from './secretStores.ts';

export interface SecretOptions {
  readonly secret?: string;
  readonly secretFile?: string;
  readonly printSecret?: true;
}

/** Adds the options that name a store for the signing secret, which Gemini shows once. */
export function withSecretOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--secret <name>', 'keep the signing secret in Secret Manager, as a new version').conflicts(
        'secretFile',
      ),
    )
    .option('--secret-file <path>', 'keep it in a file that only its owner can read')
    .option('--print-secret', 'print it');
}

/** @returns `undefined` where the secret is only printed. */
export async function storeOf(options: SecretOptions, context: Context): Promise<SecretStore | undefined> {
  const { secret, secretFile, printSecret } = options;
  if (secretFile?.endsWith('/')) throw usageError(`--secret-file ${secretFile} is a folder; name a file in it.`);
  if (secretFile !== undefined) return new (await import('./secretStores.ts')).FileStore(secretFile);
  if (secret !== undefined) return await secretManagerStore(secret, context);
  if (printSecret) return undefined;
  throw usageError(
    'Gemini shows the signing secret only once. Say where to keep it: --secret=NAME (Secret Manager), ' +
      '--secret-file=PATH or --print-secret.',
  );
}

async function secretManagerStore(secretId: string, context: Context): Promise<SecretStore> {
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(secretId))
    throw usageError(`--secret ${secretId} must be 1 to 255 of A-Z a-z 0-9 _ -`);
  const variables = await context.settings('GOOGLE_CLOUD_PROJECT');
  if (!variables['SECRET_MANAGER_EMULATOR_HOST']) await (await import('../google/credentials.ts')).requireCredentials();
  const { SecretManagerStore } = await import('./secretStores.ts');
  return new SecretManagerStore(secretId, variables['GOOGLE_CLOUD_PROJECT'] ?? '', variables);
}

/**
 * Returns the secrets that a store holds, after proving that it can take another.
 *
 * @throws {CliError} `SECRET_STORE_UNUSABLE`
 */
export async function prepare(store: SecretStore | undefined): Promise<readonly string[]> {
  if (store === undefined) return [];
  try {
    const known = await store.prepare();
    if (known.every((secret) => secret.startsWith('whsec_'))) return known;
    throw new Error('it holds something other than signing secrets');
  } catch (cause) {
    const message = `Nothing was done at Gemini, because ${store.name} cannot be used: ${reasonOf(cause)}`;
    throw new CliError('SECRET_STORE_UNUSABLE', message, { cause });
  }
}
