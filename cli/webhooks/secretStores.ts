import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SecretManagerServiceClient } from '@google-cloud/secret-manager';
import { PassThroughClient } from 'google-auth-library';
import { splitSecrets } from '../../functions/platform/config.ts';
import { CliError, reasonOf } from '../errors.ts';

/** Where signing secrets are kept: a list, since during a rotation two are valid. */
export interface SecretStore {
  /** For messages: "the secret …", "the file …". */
  readonly name: string;
  /** What is kept there now; proves, before Gemini makes a secret that it shows once, that it can be stored. */
  prepare(): Promise<readonly string[]>;
  write(secrets: readonly string[]): Promise<void>;
  /** The command with which a person stores the file's content by hand. */
  byHand(path: string): string;
}

export const SECRET_FILE_MODE = 0o600;

/** A file that only its owner can read, replaced as a whole. */
export class FileStore implements SecretStore {
  readonly name: string;
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
    this.name = `the file ${path}`;
  }

  async prepare(): Promise<readonly string[]> {
    const known = await this.#read();
    const trial = this.#temporaryPath();
    await writePrivately(trial, '');
    await rm(trial);
    return known;
  }

  async write(secrets: readonly string[]): Promise<void> {
    const path = this.#temporaryPath();
    await writePrivately(path, `${secrets.join('\n')}\n`);
    await rename(path, this.#path);
  }

  byHand(path: string): string {
    return `install -m 600 ${path} ${this.#path}`;
  }

  async #read(): Promise<readonly string[]> {
    try {
      return splitSecrets(await readFile(this.#path, 'utf8'));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw error;
    }
  }

  #temporaryPath(): string {
    return join(dirname(this.#path), `.${basename(this.#path)}.${randomBytes(6).toString('hex')}`);
  }
}

/** A secret in Secret Manager, each list a new version of it. */
export class SecretManagerStore implements SecretStore {
  readonly name: string;
  readonly #secretId: string;
  readonly #projectId: string;
  readonly #client: SecretManagerServiceClient;

  constructor({
    secretId,
    projectId,
    emulator,
  }: {
    secretId: string;
    projectId: string;
    emulator: string | undefined;
  }) {
    this.#secretId = secretId;
    this.#projectId = projectId;
    this.#client = connect(emulator);
    this.name = `the secret ${secretId} of project ${projectId}`;
  }

  async prepare(): Promise<readonly string[]> {
    try {
      const [version] = await this.#client.accessSecretVersion({ name: `${this.#path}/versions/latest` });
      return splitSecrets(Buffer.from(version.payload?.data ?? '').toString('utf8'));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    await this.#createIfMissing();
    return [];
  }

  async write(secrets: readonly string[]): Promise<void> {
    const data = Buffer.from(secrets.join('\n'), 'utf8');
    await this.#client.addSecretVersion({ parent: this.#path, payload: { data } });
  }

  byHand(path: string): string {
    return `gcloud secrets versions add ${this.#secretId} --project=${this.#projectId} --data-file=${path}`;
  }

  get #path(): string {
    return `projects/${this.#projectId}/secrets/${this.#secretId}`;
  }

  /** A secret may be there and have no version yet. */
  async #createIfMissing(): Promise<void> {
    try {
      await this.#client.createSecret({
        parent: `projects/${this.#projectId}`,
        secretId: this.#secretId,
        secret: { replication: { automatic: {} } },
      });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }
}

/** Over REST, which starts quicker than gRPC. Google has no emulator of it; a stand-in's `host:port` may be given. */
function connect(emulator: string | undefined): SecretManagerServiceClient {
  if (emulator === undefined) return new SecretManagerServiceClient({ fallback: true });
  const { hostname, port } = new URL(`http://${emulator}`);
  return new SecretManagerServiceClient({
    fallback: true,
    protocol: 'http',
    apiEndpoint: hostname,
    port: Number(port),
    authClient: new PassThroughClient(),
  });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function isNotFound(error: unknown): boolean {
  return [5, 404].includes(Number(codeOf(error)));
}

function isAlreadyExists(error: unknown): boolean {
  return [6, 409].includes(Number(codeOf(error)));
}

async function writePrivately(path: string, content: string): Promise<void> {
  const file = await open(path, 'wx', SECRET_FILE_MODE);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Stores a secret that Gemini shows only once, beside those that are there.
 *
 * A copy is written first, to a file that only its owner can read, and removed when the store has it: so neither a
 * failure of the store nor the end of this process loses it.
 *
 * @throws {CliError} `SECRET_NOT_STORED`, which says where the copy is and how to store it by hand.
 */
export async function keepSecret(store: SecretStore, secrets: readonly string[], webhookId: string): Promise<void> {
  const copy = join(process.cwd(), `webhook-${webhookId}-${Date.now()}.secret`);
  const written = await writePrivately(copy, secrets.join('\n')).then(
    () => true,
    () => false,
  );
  try {
    await store.write(secrets);
  } catch (error) {
    throw new CliError('SECRET_NOT_STORED', notStored(store, error, written ? copy : undefined, secrets), {
      cause: error,
    });
  }
  if (written) await rm(copy, { force: true });
}

/** As a last resort it stands in the message: on a screen is better than nowhere, for Gemini never shows it again. */
function notStored(store: SecretStore, error: unknown, copy: string | undefined, secrets: readonly string[]): string {
  const what = `The webhook has a new secret, but ${store.name} could not take it: ${reasonOf(error)}\n`;
  if (copy === undefined)
    return `${what}No copy could be written either. Gemini never shows it again; save it now:\n${secrets[0]}`;
  return `${what}It is safe in ${copy}. Store it with\n  ${store.byHand(copy)}\nand remove that file afterwards.`;
}
