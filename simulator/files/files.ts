import { createHash } from 'node:crypto';
import type { Base } from '../base.ts';
import { isoTime } from '../clock.ts';
import { bytesContent } from './content.ts';
import type { Content } from './content.ts';
import { ApiError } from '../errors.ts';
import { downloadUri } from '../webhooks/events.ts';

export interface StoredFile {
  /** `files/…` */
  readonly name: string;
  readonly displayName?: string | undefined;
  readonly mimeType: string;
  /** Only generated files can be downloaded (docs/gemini-wire.md 8.3). */
  readonly source: 'UPLOADED' | 'GENERATED' | 'REGISTERED';
  readonly content: Content;
  readonly sha256?: string;
  readonly createMillis: number;
  readonly expireMillis: number;
}

export interface WantedFile {
  readonly name?: string | undefined;
  readonly displayName?: string | undefined;
  readonly mimeType: string;
}

/** The longest id that `files.get` accepts. Ids of batch output files are longer (docs/gemini-wire.md 1.9). */
const LONGEST_ID = 40;

export class Files {
  readonly #services: Base;
  readonly #byName = new Map<string, StoredFile>();

  constructor(services: Base) {
    this.#services = services;
  }

  /** Throws INVALID_ARGUMENT for a type that the settings refuse. */
  requireType(mimeType: string): void {
    if (!this.#services.settings.get().files.refusedTypes.includes(mimeType)) return;
    throw new ApiError('INVALID_ARGUMENT', `Unsupported MIME type: ${mimeType}`);
  }

  /** Stores uploaded bytes under the wanted name or one of twelve letters. Throws ALREADY_EXISTS. */
  addUploaded(bytes: Uint8Array, { name = this.#newName(), ...wanted }: WantedFile): StoredFile {
    if (this.#find(name) !== undefined) throw new ApiError('ALREADY_EXISTS', `File already exists: ${name}`);
    const sha256 = createHash('sha256').update(bytes).digest('base64');
    return this.#add({ ...wanted, name, source: 'UPLOADED', content: bytesContent(bytes), sha256 });
  }

  /** Stores the output of a job, by default under a name of twelve letters. */
  addGenerated(content: Content, mimeType: string, name = this.#newName()): StoredFile {
    return this.#add({ name, mimeType, source: 'GENERATED', content });
  }

  /** Registers an object of Cloud Storage, whose bytes the simulator cannot read. */
  addRegistered(uri: string): StoredFile {
    const read = () => {
      throw new ApiError(
        'FAILED_PRECONDITION',
        `The Gemini API simulator cannot read ${uri}. Upload the file instead.`,
      );
    };
    return this.#add({
      name: this.#newName(),
      displayName: uri.slice(uri.lastIndexOf('/') + 1),
      mimeType: 'application/octet-stream',
      source: 'REGISTERED',
      content: { sizeBytes: 0, read },
    });
  }

  /** Returns a file. Throws PERMISSION_DENIED for an expired or unknown one, as the API does. */
  get(name: string): StoredFile {
    const file = this.#find(name);
    if (file !== undefined) return file;
    const message = `You do not have permission to access the File ${name.slice('files/'.length)} or it may not exist.`;
    throw new ApiError('PERMISSION_DENIED', message);
  }

  /** Returns a file for the methods that accept ids of up to 40 characters only. */
  getById(id: string): StoredFile {
    if (id.length > LONGEST_ID) {
      throw new ApiError('INVALID_ARGUMENT', `File name may not be longer than ${LONGEST_ID} characters: files/${id}`);
    }
    return this.get(`files/${id}`);
  }

  /** Returns a file that can be downloaded. Throws INVALID_ARGUMENT for an uploaded one. */
  getGenerated(id: string): StoredFile {
    const file = this.get(`files/${id}`);
    if (file.source === 'GENERATED') return file;
    throw new ApiError('INVALID_ARGUMENT', 'Only files with source GENERATED can be downloaded.');
  }

  list(): StoredFile[] {
    return [...this.#byName.keys()]
      .flatMap((name) => this.#find(name) ?? [])
      .filter(({ name }) => name.length - 'files/'.length <= LONGEST_ID);
  }

  delete(id: string): void {
    this.#byName.delete(this.getById(id).name);
  }

  resource(file: StoredFile): object {
    const { name, displayName, mimeType, source } = file;
    const createTime = isoTime(file.createMillis);
    return {
      name,
      displayName,
      mimeType,
      sizeBytes: String(file.content.sizeBytes),
      createTime,
      updateTime: createTime,
      expirationTime: isoTime(file.expireMillis),
      sha256Hash: file.sha256,
      uri: `https://generativelanguage.googleapis.com/v1beta/${name}`,
      downloadUri: source === 'GENERATED' ? downloadUri(name) : undefined,
      state: 'ACTIVE',
      source,
    };
  }

  #newName(): string {
    return `files/${this.#services.random.id('file', 12)}`;
  }

  #add(file: Omit<StoredFile, 'createMillis' | 'expireMillis'>): StoredFile {
    const { lifetimeMillis, outputLifetimeMillis } = this.#services.settings.get().files;
    const createMillis = this.#services.clock.now();
    const lifetime = file.name.startsWith('files/batch-') ? outputLifetimeMillis : lifetimeMillis;
    const stored = { ...file, createMillis, expireMillis: createMillis + lifetime };
    this.#byName.set(file.name, stored);
    return stored;
  }

  #find(name: string): StoredFile | undefined {
    const file = this.#byName.get(name);
    if (file === undefined || file.expireMillis > this.#services.clock.now()) return file;
    this.#byName.delete(name);
    return undefined;
  }
}
