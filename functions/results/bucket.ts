import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Storage } from '@google-cloud/storage';
import { GeminiError } from '../gemini/errors.ts';
import { CallbackError } from '../platform/errors.ts';

/** An object in Cloud Storage, whose checksum has been compared with what was sent. */
export interface StoredObject {
  readonly uri: string;
  readonly bytes: number;
  /** As Cloud Storage gives it, base64. */
  readonly crc32c?: string | undefined;
}

/** Where results go that do not fit into a message. Writing one again replaces it by the same. */
export class Bucket {
  readonly #name: string;
  readonly #projectId: string | undefined;
  #storage: Promise<Storage> | undefined;

  constructor(name: string, projectId: string | undefined) {
    this.#name = name;
    this.#projectId = projectId;
  }

  /** @throws {CallbackError} `STORAGE_UNAVAILABLE` */
  async save(path: string, content: Buffer, contentType: string): Promise<StoredObject> {
    return await this.#write(path, async (file) => {
      await file.save(content, { contentType, resumable: false, validation: 'crc32c' });
    });
  }

  /** The same for content that comes by and by. */
  async copy(path: string, chunks: AsyncIterable<Buffer>, contentType: string): Promise<StoredObject> {
    return await this.#write(path, async (file) => {
      await pipeline(Readable.from(chunks), file.createWriteStream({ contentType, validation: 'crc32c' }));
    });
  }

  async #write(
    path: string,
    write: (file: ReturnType<ReturnType<Storage['bucket']>['file']>) => Promise<void>,
  ): Promise<StoredObject> {
    try {
      this.#storage ??= connect(this.#projectId);
      const file = (await this.#storage).bucket(this.#name).file(path);
      await write(file);
      const { size, crc32c } = file.metadata;
      return { uri: `gs://${this.#name}/${path}`, bytes: Number(size), crc32c };
    } catch (cause) {
      // What was to be copied could not be read: the bucket has nothing to do with it.
      if (cause instanceof GeminiError) throw cause;
      const message =
        "RESULTS_BUCKET did not take a result. See the log's cause; the function needs roles/storage.objectUser on it.";
      throw new CallbackError('STORAGE_UNAVAILABLE', message, { cause });
    }
  }
}

/** Loaded when the first result needs it: most never do. */
async function connect(projectId: string | undefined): Promise<Storage> {
  const { Storage: Client } = await import('@google-cloud/storage');
  return new Client(projectId === undefined ? {} : { projectId });
}
