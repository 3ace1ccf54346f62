import { z } from 'zod';
import { ApiError, checked } from '../errors.ts';
import type { Files, StoredFile, WantedFile } from './files.ts';
import { eitherSpelling } from '../json.ts';
import type { Random } from '../random.ts';

interface Upload {
  readonly id: string;
  readonly wanted: WantedFile;
  readonly sizeBytes: number | undefined;
  readonly chunks: Uint8Array[];
  receivedBytes: number;
}

interface Chunk {
  /** `upload`, `finalize` or both, separated by a comma. */
  readonly command: string;
  readonly offset: string | undefined;
  readonly bytes: Uint8Array;
}

const MAX_FILE_BYTES = 2 ** 31;
const FILE_NAME = /^files\/[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/;

/** Types that the Files API accepts. A batch's input is `jsonl` in the guide and Google's own type in the SDK's samples. */
const MIME_TYPE =
  /^(jsonl|(text|image|audio|video)\/[\w.+-]+|application\/(json|jsonl|vnd\.google\.generativeai\.jsonl|x-ndjson|pdf|rtf|xml|(x-)?javascript|x-python(-code)?|typescript))(;.*)?$/i;
const UNDECLARED_TYPE = 'application/octet-stream';

const outputOnly = z.unknown().optional();
const start = z.object({
  file: eitherSpelling({
    name: z.string().regex(FILE_NAME, 'up to 40 lower-case letters, digits and inner dashes').optional(),
    displayName: z.string().max(512).optional(),
    mimeType: z.string().optional(),
    sizeBytes: outputOnly,
    createTime: outputOnly,
    updateTime: outputOnly,
    expirationTime: outputOnly,
    sha256Hash: outputOnly,
    uri: outputOnly,
    downloadUri: outputOnly,
    state: outputOnly,
    source: outputOnly,
    videoMetadata: outputOnly,
    error: outputOnly,
  }).default({}),
});

/** Resumable uploads: a start, chunks at checked offsets, an end (docs/gemini-wire.md 8.2). */
export class Uploads {
  readonly #random: Random;
  readonly #files: Files;
  readonly #byId = new Map<string, Upload>();

  constructor(random: Random, files: Files) {
    this.#random = random;
    this.#files = files;
  }

  /** Returns the upload's id. `declaredSize` is in bytes. */
  start(body: unknown, declaredSize: string | undefined, declaredType: string | undefined): string {
    const { file } = checked(start, body);
    const sizeBytes = declaredSize === undefined ? undefined : parseOffset(declaredSize);
    if (sizeBytes !== undefined && sizeBytes > MAX_FILE_BYTES) {
      throw new ApiError('INVALID_ARGUMENT', `File is too large: ${sizeBytes} bytes, at most ${MAX_FILE_BYTES}`);
    }
    const { name, displayName, mimeType = declaredType ?? UNDECLARED_TYPE } = file;
    if (mimeType !== UNDECLARED_TYPE && !MIME_TYPE.test(mimeType)) {
      throw new ApiError('INVALID_ARGUMENT', `Unsupported MIME type: ${mimeType}`);
    }
    const id = this.#random.id('upload', 24);
    this.#files.requireType(mimeType);
    this.#byId.set(id, { id, wanted: { name, displayName, mimeType }, sizeBytes, chunks: [], receivedBytes: 0 });
    return id;
  }

  /** Returns the file once the upload is complete. */
  add(id: string, { command, offset, bytes }: Chunk): StoredFile | undefined {
    const upload = this.#get(id);
    const commands = new Set(command.split(',').map((word) => word.trim()));
    if (commands.has('upload')) append(upload, offset, bytes);
    if (!commands.has('finalize')) return undefined;
    return this.#finalize(upload);
  }

  /** Bytes received so far. */
  receivedBytes(id: string): number {
    return this.#get(id).receivedBytes;
  }

  cancel(id: string): void {
    this.#byId.delete(this.#get(id).id);
  }

  #finalize({ id, wanted, sizeBytes, chunks, receivedBytes }: Upload): StoredFile {
    if (sizeBytes !== undefined && sizeBytes !== receivedBytes) {
      throw new ApiError('INVALID_ARGUMENT', `Upload has ${receivedBytes} bytes, ${sizeBytes} were declared`);
    }
    const file = this.#files.addUploaded(Buffer.concat(chunks), wanted);
    this.#byId.delete(id);
    return file;
  }

  #get(id: string): Upload {
    const upload = this.#byId.get(id);
    if (upload === undefined) throw new ApiError('NOT_FOUND', `Upload not found: ${id}`);
    return upload;
  }
}

function append(upload: Upload, offset: string | undefined, bytes: Uint8Array): void {
  if (parseOffset(offset ?? '') !== upload.receivedBytes) {
    throw new ApiError('INVALID_ARGUMENT', `Offset ${offset} does not follow ${upload.receivedBytes} received bytes`);
  }
  if (upload.receivedBytes + bytes.length > (upload.sizeBytes ?? MAX_FILE_BYTES)) {
    throw new ApiError('INVALID_ARGUMENT', 'Upload is longer than declared');
  }
  upload.chunks.push(bytes);
  upload.receivedBytes += bytes.length;
}

function parseOffset(text: string): number {
  if (!/^\d+$/.test(text)) throw new ApiError('INVALID_ARGUMENT', `Not a number of bytes: '${text}'`);
  return Number(text);
}
