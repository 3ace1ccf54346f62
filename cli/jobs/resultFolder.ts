import { createWriteStream } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { StoredObject } from '../../functions/results/publishing/bucket.ts';

/** A folder in the place of the bucket of results: it takes videos, and results too large for a message. */
export class ResultFolder {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async save(path: string, content: Buffer): Promise<StoredObject> {
    const file = this.#fileOf(path);
    await writeFile(file, content);
    return { uri: file, bytes: content.length };
  }

  async copy(path: string, chunks: AsyncIterable<Buffer>): Promise<StoredObject> {
    const file = this.#fileOf(path);
    await pipeline(Readable.from(chunks), createWriteStream(file));
    return { uri: file, bytes: (await stat(file)).size };
  }

  /** The folder is one job's, so that the job's part of the path says nothing. */
  #fileOf(path: string): string {
    return join(this.#folder, basename(path));
  }
}
