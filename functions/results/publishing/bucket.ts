import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Storage } from '@google-cloud/storage';
import { GeminiError } from '../../gemini/errors.ts';
import { ServiceError } from '../../runtime/serviceError.ts';
import { withSignal } from '../../runtime/race.ts';

/** An object in Cloud Storage, verified by its checksum. */
export interface StoredObject {
  readonly uri: string;
  readonly bytes: number;
  /** Cloud Storage's checksum, base64. */
  readonly crc32c?: string | undefined;
}

const SAVE_MILLIS = 120_000;

/** The Cloud Storage bucket for results that do not fit into a message. Writing one again replaces it with the same bytes. */
export class Bucket {
  readonly #name: string;
  readonly #connect: () => Promise<Storage>;
  readonly #signal: AbortSignal;

  private constructor(name: string, connected: () => Promise<Storage>, signal: AbortSignal) {
    this.#name = name;
    this.#connect = connected;
    this.#signal = signal;
  }

  static open(name: string, projectId: string | undefined): Bucket {
    let storage: Promise<Storage> | undefined;
    return new Bucket(name, () => (storage ??= connect(projectId)), new AbortController().signal);
  }

  /** Returns the same bucket, whose writes end when the signal aborts. */
  until(signal: AbortSignal): Bucket {
    return new Bucket(this.#name, this.#connect, signal);
  }

  /** @throws {ServiceError} `STORAGE_UNAVAILABLE` */
  async save(path: string, content: Buffer, contentType: string): Promise<StoredObject> {
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(SAVE_MILLIS)]);
    return await this.#write(path, async (file) => {
      await withSignal(file.save(content, { contentType, resumable: false, validation: 'crc32c' }), signal);
    });
  }

  /** Saves content that arrives as a stream, without a time limit. */
  async copy(path: string, chunks: AsyncIterable<Buffer>, contentType: string): Promise<StoredObject> {
    return await this.#write(path, async (file) => {
      const target = file.createWriteStream({ contentType, validation: 'crc32c' });
      await pipeline(Readable.from(chunks), target, { signal: this.#signal });
    });
  }

  async #write(
    path: string,
    write: (file: ReturnType<ReturnType<Storage['bucket']>['file']>) => Promise<void>,
  ): Promise<StoredObject> {
    try {
      const file = (await this.#connect()).bucket(this.#name).file(path);
      await write(file);
      const { size, crc32c } = file.metadata;
      return { uri: `gs://${this.#name}/${path}`, bytes: Number(size), crc32c };
    } catch (cause) {
      // The source failed, not the bucket.
      if (cause instanceof GeminiError) throw cause;
      const message =
        'RESULTS_BUCKET refused a result. See cause in the log; the function needs roles/storage.objectUser on the bucket.';
      throw new ServiceError('STORAGE_UNAVAILABLE', message, { cause });
    }
  }
}

/** Loads the client when the first result needs it; most instances never do. */
async function connect(projectId: string | undefined): Promise<Storage> {
  const { Storage: Client } = await import('@google-cloud/storage');
  return new Client(projectId === undefined ? {} : { projectId });
}
