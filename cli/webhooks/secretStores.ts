import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { splitSecrets } from '../../functions/config/environment.ts';
import { CliError, reasonOf } from '../errors.ts';
import { SecretManager } from '../google/secretManager.ts';
import { quoted } from '../terminal.ts';

/** A store of signing secrets: a list, because two are valid during a rotation. */
export interface SecretStore {
  /** Name in messages: "the secret …", "the file …". */
  readonly name: string;
  /** Returns the stored secrets, and proves that another can be stored, before Gemini makes one that it shows once. */
  prepare(): Promise<readonly string[]>;
  /** Stores all of them or none. */
  write(secrets: readonly string[]): Promise<void>;
  /** Returns the command with which an operator stores the content of a file. */
  storeCommand(path: string): string;
}

const SECRET_FILE_MODE = 0o600;

/** More than a list of secrets takes: a full disk still takes an empty file. */
const TRIAL_BYTES = 4_096;

/** A file that only its owner can read, replaced as a whole. */
export class FileStore implements SecretStore {
  readonly name: string;
  readonly #path: string;

  constructor(path: string) {
    this.#path = resolve(path);
    this.name = `the file ${this.#path}`;
  }

  async prepare(): Promise<readonly string[]> {
    const known = await this.#read();
    const trial = this.#temporaryPath();
    await writePrivately(trial, '\n'.repeat(TRIAL_BYTES));
    await rm(trial);
    return known;
  }

  async write(secrets: readonly string[]): Promise<void> {
    const path = this.#temporaryPath();
    await writePrivately(path, `${secrets.join('\n')}\n`);
    try {
      await rename(path, this.#path);
    } catch (error) {
      await rm(path);
      throw error;
    }
  }

  storeCommand(path: string): string {
    return `install -m 600 ${quoted(path)} ${quoted(this.#path)}`;
  }

  async #read(): Promise<readonly string[]> {
    try {
      if (!(await stat(this.#path)).isFile()) throw new Error('it is no regular file');
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
  readonly #secret: string;
  readonly #project: string;
  readonly #manager: SecretManager;

  constructor(secret: string, project: string, variables: NodeJS.ProcessEnv) {
    this.#secret = secret;
    this.#project = project;
    this.#manager = new SecretManager(project, variables, 'roles/secretmanager.admin');
    this.name = `the secret ${secret} of project ${project}`;
  }

  /** A secret may be there and have no version yet. */
  async prepare(): Promise<readonly string[]> {
    const content = await this.#manager.read(this.#secret);
    if (content !== undefined) return splitSecrets(content);
    await this.#manager.createIfMissing(this.#secret);
    return [];
  }

  async write(secrets: readonly string[]): Promise<void> {
    await this.#manager.addVersion(this.#secret, secrets.join('\n'));
  }

  storeCommand(path: string): string {
    return `gcloud secrets versions add ${this.#secret} --project=${this.#project} --data-file=${quoted(path)}`;
  }
}

async function writePrivately(path: string, content: string): Promise<void> {
  const file = await open(path, 'wx', SECRET_FILE_MODE);
  try {
    await file.writeFile(content);
    await file.sync();
  } catch (error) {
    await rm(path);
    throw error;
  } finally {
    await file.close();
  }
}

/** The effect at Gemini before its secret is stored. */
interface WebhookEffect {
  readonly id: string;
  /** A sentence for messages: "The webhook … is registered". */
  readonly done: string;
}

/**
 * Stores a secret that Gemini shows only once, beside the stored ones.
 *
 * A copy is written first, to a file that only its owner can read, and removed when the store has it: so neither a
 * failure of the store nor the end of this process loses it.
 *
 * @throws {CliError} `SECRET_NOT_STORED`, with the path of the copy and the command that stores it.
 */
export async function keepSecret(
  store: SecretStore,
  secrets: readonly string[],
  { id, done }: WebhookEffect,
): Promise<void> {
  const copy = await writeCopy(secrets, id);
  try {
    await store.write(secrets);
  } catch (cause) {
    const what = `${done}, but ${store.name} could not take its new secret: ${reasonOf(cause)}`;
    const details = { id, ...(copy === undefined ? {} : { copy }) };
    throw new CliError('SECRET_NOT_STORED', `${what}\n${remedy(store, copy, id)}`, { cause, details });
  }
  if (copy !== undefined) await rm(copy, { force: true });
}

/** @returns its path: in this folder, or where this takes none in that of temporary files. */
async function writeCopy(secrets: readonly string[], id: string): Promise<string | undefined> {
  for (const folder of [process.cwd(), tmpdir()]) {
    const copy = join(folder, `webhook-${id}-${Date.now()}.secret`);
    const isWritten = await writePrivately(copy, secrets.join('\n')).then(
      () => true,
      () => false,
    );
    if (isWritten) return copy;
  }
  return undefined;
}

/** A lost secret can be replaced; one in a message may stay in a log. */
function remedy(store: SecretStore, copy: string | undefined, id: string): string {
  if (copy === undefined)
    return `No copy could be written either, so it is lost. Make another: gemini-callbacks webhooks rotate ${id}`;
  return `It is safe in ${copy}. Store it with\n  ${store.storeCommand(copy)}\nand remove that file afterwards.`;
}
