import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Emulator, startFirestore, startPubsub } from '../../local/backends/official.ts';
import { type ReceivedMessage, type LocalProject, type Topic, TOPICS } from '../../local/project.ts';

/** Emulators of the proof's own, which it can end and start again where they were. */
export class Backends {
  #firestore: Emulator;
  #pubsub: Emulator;
  readonly #exports = mkdtempSync(join(tmpdir(), 'prove-firestore-'));
  #restarts = 0;
  /** What subscriptions held when their emulator ended. */
  readonly #kept: Record<Topic, ReceivedMessage[]> = {
    'gemini-events': [],
    'gemini-results': [],
    'gemini-dead-letter': [],
  };

  private constructor(firestore: Emulator, pubsub: Emulator) {
    this.#firestore = firestore;
    this.#pubsub = pubsub;
  }

  /** Takes the places of those that the environment names, for everything in this process. */
  static async start(): Promise<Backends> {
    const [firestore, pubsub] = await Promise.all([startFirestore(), startPubsub()]);
    const env = { FIRESTORE_EMULATOR_HOST: firestore.host, PUBSUB_EMULATOR_HOST: pubsub.host };
    Object.assign(process.env, env, { METADATA_SERVER_DETECTION: 'none' });
    return new Backends(firestore, pubsub);
  }

  /** Firestore ends and comes back with all documents, each of another version: only their content is the same. */
  async restartFirestore({ projectId }: LocalProject): Promise<void> {
    const name = `restart-${(this.#restarts += 1)}`;
    const database = `projects/${projectId}/databases/(default)`;
    const response = await fetch(`http://${this.#firestore.host}/emulator/v1/projects/${projectId}:export`, {
      method: 'POST',
      headers: { authorization: 'Bearer owner', 'content-type': 'application/json' },
      body: JSON.stringify({ database, export_directory: this.#exports, export_name: name }),
    });
    if (!response.ok) throw new Error(`Firestore was not exported: ${response.status} ${await response.text()}`);
    await this.#firestore.stop();
    const metadata = join(this.#exports, name, `${name}.overall_export_metadata`);
    this.#firestore = await startFirestore(this.#firestore.port, metadata);
  }

  /** Pub/Sub ends and comes back without what was on its way to subscribers that are pushed to. */
  async restartPubsub(project: LocalProject): Promise<void> {
    for (const topic of TOPICS) this.#kept[topic].push(...(await project.messages(topic)));
    await this.#pubsub.stop();
    this.#pubsub = await startPubsub(this.#pubsub.port);
    await project.createTopics({ ordered: false });
  }

  /** All messages of a topic, whatever has ended in between. */
  async messages(project: LocalProject, topic: Topic): Promise<readonly ReceivedMessage[]> {
    const all = [...this.#kept[topic]];
    for (;;) {
      const more = await project.messages(topic);
      if (more.length === 0) return all;
      all.push(...more);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.#firestore.stop(), this.#pubsub.stop()]);
    rmSync(this.#exports, { recursive: true });
  }
}
