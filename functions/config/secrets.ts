import { readFile } from 'node:fs/promises';
import { type SecretSource, splitSecrets } from './environment.ts';
import type { Log } from '../observability/log.ts';

/** A file is read again in passing when it was read so long ago, and waited for when it is older than promised. */
const REREAD_AFTER_MILLIS = 15_000;
export const MAX_AGE_MILLIS = 30_000;
const READ_TIMEOUT_MILLIS = 1_000;

interface SecretsOptions<T> {
  /** The variable's name, for the log. */
  readonly name: string;
  readonly source: SecretSource;
  readonly make: (secret: string) => T;
  readonly log: Log;
  /** A monotonic clock, in milliseconds. */
  readonly now?: () => number;
}

/**
 * Values made from secrets that can be rotated: those of a variable, and those of a file, which is read again.
 *
 * In the cloud the file is a mounted secret, and each read calls Secret Manager and can fail (docs/platform.md 6.4).
 * The last valid content stays in use then.
 */
export class Secrets<T> {
  readonly #options: SecretsOptions<T>;
  readonly #now: () => number;
  readonly #fixed: readonly T[];
  #content: string;
  #values: readonly T[];
  #readAt: number;
  #reading: Promise<void> | undefined;

  constructor(options: SecretsOptions<T>) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    const first = options.source.file?.first ?? [];
    this.#fixed = options.source.fixed.map(options.make);
    this.#content = first.join('\n');
    this.#values = [...this.#fixed, ...first.map(options.make)];
    this.#readAt = this.#now();
  }

  /** Returns the value that signs; all values verify. */
  async first(): Promise<T> {
    const [first] = await this.values();
    if (first === undefined) throw new Error(`${this.#options.name} holds no secret.`);
    return first;
  }

  async values(): Promise<readonly T[]> {
    const { file } = this.#options.source;
    const age = this.#now() - this.#readAt;
    if (file === undefined || age < REREAD_AFTER_MILLIS) return this.#values;
    this.#reading ??= this.#read(file.path).finally(() => {
      this.#reading = undefined;
    });
    if (age >= MAX_AGE_MILLIS) await this.#reading;
    return this.#values;
  }

  async #read(path: string): Promise<void> {
    const { name, source, make, log } = this.#options;
    try {
      const secrets = splitSecrets(
        await readFile(path, { encoding: 'utf8', signal: AbortSignal.timeout(READ_TIMEOUT_MILLIS) }),
      );
      if (secrets.length === 0 || !secrets.every(source.isValid))
        throw new Error('The file holds no valid list of secrets.');
      if (secrets.join('\n') !== this.#content) this.#take(secrets, make);
    } catch (error) {
      log.secretsNotReread(name, error);
    }
    this.#readAt = this.#now();
  }

  #take(secrets: readonly string[], make: (secret: string) => T): void {
    this.#content = secrets.join('\n');
    this.#values = [...this.#fixed, ...secrets.map(make)];
    this.#options.log.secretsReread(this.#options.name, secrets.length);
  }
}
