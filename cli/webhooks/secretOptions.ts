import { type Command, Option } from 'commander';
import { Environment } from '../../functions/config/environment.ts';
import { CliError, reasonOf, usageError } from '../errors.ts';
import { FileStore, SecretManagerStore, type SecretStore } from './secretStores.ts';

export interface SecretOptions {
  readonly secret?: string;
  readonly secretFile?: string;
  readonly printSecret?: true;
}

/** Says where the secret goes that Gemini shows once. */
export function withSecretOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--secret <name>', 'keep the signing secret in Secret Manager, as a new version').conflicts(
        'secretFile',
      ),
    )
    .option('--secret-file <path>', 'keep it in a file that only you can read')
    .option('--print-secret', 'show it on the screen');
}

/** @returns `undefined` where the secret is only to be shown. */
export function storeOf(options: SecretOptions, variables: NodeJS.ProcessEnv): SecretStore | undefined {
  const { secret, secretFile, printSecret } = options;
  if (secretFile?.endsWith('/')) throw usageError(`--secret-file ${secretFile} is a folder; name a file in it.`);
  if (secretFile !== undefined) return new FileStore(secretFile);
  if (secret !== undefined) return secretManagerStore(secret, variables);
  if (printSecret) return undefined;
  throw usageError(
    'Gemini shows the signing secret only once: say where to keep it, with --secret NAME (Secret Manager), ' +
      '--secret-file PATH or --print-secret.',
  );
}

function secretManagerStore(secretId: string, variables: NodeJS.ProcessEnv): SecretStore {
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(secretId)) throw usageError(`--secret ${secretId} is no name of a secret.`);
  const environment = new Environment(variables);
  const projectId = environment.optional('GOOGLE_CLOUD_PROJECT');
  if (projectId === undefined) environment.reject('GOOGLE_CLOUD_PROJECT', 'must be set beside --secret', 'my-project');
  environment.requireValid();
  return new SecretManagerStore({
    secretId,
    projectId: projectId ?? '',
    emulator: environment.optional('SECRET_MANAGER_EMULATOR_HOST'),
  });
}

/**
 * The secrets that are kept already, from a store that can take another.
 *
 * @throws {CliError} `SECRET_STORE_UNUSABLE`
 */
export async function prepare(store: SecretStore | undefined): Promise<readonly string[]> {
  if (store === undefined) return [];
  try {
    const known = await store.prepare();
    if (known.every((secret) => secret.startsWith('whsec_'))) return known;
    throw new Error('it holds something else than signing secrets');
  } catch (cause) {
    const message = `Nothing was done at Gemini, since ${store.name} cannot be used: ${reasonOf(cause)}`;
    throw new CliError('SECRET_STORE_UNUSABLE', message, { cause });
  }
}
