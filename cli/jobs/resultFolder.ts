import { createWriteStream } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { StoredObject } from '../../functions/results/publishing/bucket.ts';

/** A folder instead of the results bucket, for videos and for results that exceed a message. */
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

  /** Drops the job's part of the path: the folder is for one job. */
  #fileOf(path: string): string {
    return join(this.#folder, basename(path));
  }
}
