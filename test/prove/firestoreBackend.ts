import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as embedded from '../../local/backends/firestore/index.ts';
import { type Emulator, startFirestore } from '../../local/backends/official.ts';
import { EmbeddedServer } from './embeddedServer.ts';

const INDEXES = join(import.meta.dirname, '../../firestore.indexes.json');

/** Firestore. A restart keeps all documents. */
export interface FirestoreBackend {
  readonly host: string;
  restart(projectId: string): Promise<void>;
  stop(): Promise<void>;
}

/** The project's embedded Firestore, with the indexes that are deployed. */
export async function startEmbeddedFirestore(): Promise<FirestoreBackend> {
  const store = new embedded.Store();
  return await EmbeddedServer.start(async (port) => await embedded.startFirestore({ port, store, indexes: INDEXES }));
}

/** Google's Firestore emulator, restarted with all its documents. */
export class OfficialFirestore implements FirestoreBackend {
  #emulator: Emulator;
  readonly #exports = mkdtempSync(join(tmpdir(), 'prove-firestore-'));
  #restarts = 0;

  private constructor(emulator: Emulator) {
    this.#emulator = emulator;
  }

  static async start(): Promise<OfficialFirestore> {
    return new OfficialFirestore(await startFirestore());
  }

  get host(): string {
    return this.#emulator.host;
  }

  /** Exports the documents, and imports them at the next start. Their contents stay the same, their versions change. */
  async restart(projectId: string): Promise<void> {
    const name = `restart-${(this.#restarts += 1)}`;
    const database = `projects/${projectId}/databases/(default)`;
    const response = await fetch(`http://${this.host}/emulator/v1/projects/${projectId}:export`, {
      method: 'POST',
      headers: { authorization: 'Bearer owner', 'content-type': 'application/json' },
      body: JSON.stringify({ database, export_directory: this.#exports, export_name: name }),
    });
    if (!response.ok) throw new Error(`Firestore's export failed: ${response.status} ${await response.text()}`);
    await this.#emulator.stop();
    const metadata = join(this.#exports, name, `${name}.overall_export_metadata`);
    this.#emulator = await startFirestore(this.#emulator.port, metadata);
  }

  async stop(): Promise<void> {
    await this.#emulator.stop();
    rmSync(this.#exports, { recursive: true });
  }
}
