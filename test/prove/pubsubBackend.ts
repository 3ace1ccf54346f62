import * as embedded from '../../local/backends/pubsub/index.ts';
import { type Emulator, startPubsub } from '../../local/backends/official.ts';
import { type LocalProject, type ReceivedMessage, type Topic, TOPICS } from '../../local/project.ts';
import { EmbeddedServer } from './embeddedServer.ts';
import type { Fleet } from './fleet.ts';

/** The pushed topic. */
export const PUSHED: Topic = 'gemini-events';

/** Longer than a busy machine takes to pull all messages of a run. */
const PULL_MILLIS = 120_000;

/** Pub/Sub. After a restart it delivers the messages again that are not acknowledged. */
export interface PubsubBackend {
  readonly host: string;
  /** @param subscriber the fleet that events are pushed to. */
  restart(project: LocalProject, subscriber: Fleet): Promise<void>;
  /** Returns all messages that a topic was ever given. */
  messages(project: LocalProject, topic: Topic): Promise<readonly ReceivedMessage[]>;
  stop(): Promise<unknown>;
}

/**
 * Google's emulator, which loses topics, subscriptions and messages at a restart. Each restart creates them again: the
 * messages that the subscriber has not acknowledged are published again, before the pull subscriptions exist, so that
 * only the subscriber receives them.
 */
export class OfficialPubsub implements PubsubBackend {
  #emulator: Emulator;
  /** Messages pulled before earlier restarts. */
  readonly #pulled = new Map<Topic, ReceivedMessage[]>(TOPICS.map((topic) => [topic, []]));
  /** Messages published again at the last restart, by their new ids. */
  #redelivered = new Map<string, ReceivedMessage>();

  private constructor(emulator: Emulator) {
    this.#emulator = emulator;
  }

  static async start(): Promise<OfficialPubsub> {
    return new OfficialPubsub(await startPubsub());
  }

  get host(): string {
    return this.#emulator.host;
  }

  async restart(project: LocalProject, subscriber: Fleet): Promise<void> {
    const sent = new Map(this.#redelivered);
    for (const topic of TOPICS) {
      const messages = await project.messages(topic, PULL_MILLIS);
      this.#pulled.get(topic)?.push(...messages);
      if (topic === PUSHED) for (const message of messages) sent.set(message.messageId, message);
    }
    await this.#emulator.stop();
    const acknowledged = subscriber.takeAcknowledged();
    this.#emulator = await startPubsub(this.#emulator.port);
    await project.createTopics();
    await project.push(PUSHED, subscriber.url);
    const lost = [...sent].flatMap(([id, message]) => (acknowledged.has(id) ? [] : [message]));
    const again = lost.map(async (message) => [await project.publish(PUSHED, message), message] as const);
    this.#redelivered = new Map(await Promise.all(again));
    await project.createSubscriptions({ ordered: false });
  }

  async messages(project: LocalProject, topic: Topic): Promise<readonly ReceivedMessage[]> {
    return [...(this.#pulled.get(topic) ?? []), ...(await pullAll(project, topic))];
  }

  async stop(): Promise<void> {
    await this.#emulator.stop();
  }
}

/** The project's embedded Pub/Sub. */
export async function startEmbeddedPubsub(): Promise<PubsubBackend> {
  const store = new embedded.Store();
  const server = await EmbeddedServer.start(async (port) => await embedded.startPubsub({ port, store }));
  return {
    host: server.host,
    restart: async () => await server.restart(),
    messages: pullAll,
    stop: async () => await server.stop(),
  };
}

async function pullAll(project: LocalProject, topic: Topic): Promise<readonly ReceivedMessage[]> {
  const all: ReceivedMessage[] = [];
  for (;;) {
    const more = await project.messages(topic, PULL_MILLIS);
    if (more.length === 0) return all;
    all.push(...more);
  }
}
