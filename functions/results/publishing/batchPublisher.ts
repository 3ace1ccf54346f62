import type { Message } from '../../model/message.ts';
import type { SizedMessage } from '../../model/result.ts';

/** Pub/Sub takes 1,000 messages and 10 MB in a request; fewer bytes keep the memory small. */
const MAX_MESSAGES = 1_000;
const MAX_BYTES = 1_000_000;

interface BatchPublisherOptions<Mark> {
  /** Publishes messages in their order, the last of which has this mark, or throws. */
  readonly publish: (messages: readonly Message[], mark: Mark) => Promise<void>;
  /** Called when all messages up to this mark are published; the next ones wait for it. */
  readonly onPublished: (mark: Mark) => Promise<void>;
}

/**
 * Publishes a stream of messages in batches: while one is being published the next one gathers, so a slow source waits
 * for nothing and a fast one fills whole requests. It keeps the order and at most two batches in memory.
 */
export class BatchPublisher<Mark> {
  readonly #options: BatchPublisherOptions<Mark>;
  #gathered: Message[] = [];
  #bytes = 0;
  #mark: Mark | undefined;
  #sending: Promise<void> | undefined;
  #room: PromiseWithResolvers<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: BatchPublisherOptions<Mark>) {
    this.#options = options;
  }

  /**
   * Adds a message, and waits until there is room for it.
   *
   * @throws the error of `publish`, for this message or an earlier one.
   */
  async add({ message, bytes }: SizedMessage, mark: Mark): Promise<void> {
    this.#requireHealth();
    while (this.#gathered.length > 0 && (this.#gathered.length >= MAX_MESSAGES || this.#bytes + bytes > MAX_BYTES)) {
      this.#room ??= Promise.withResolvers();
      await this.#room.promise;
      this.#requireHealth();
    }
    this.#gathered.push(message);
    this.#bytes += bytes;
    this.#mark = mark;
    this.#sending ??= this.#send();
  }

  /** Waits until every message is published. */
  async end(): Promise<void> {
    await this.#sending;
    this.#requireHealth();
  }

  /** Publishes the gathered messages, and then those that gathered meanwhile. */
  async #send(): Promise<void> {
    try {
      while (this.#gathered.length > 0) await this.#sendGathered();
    } catch (error) {
      this.#failure = { error };
    }
    this.#sending = undefined;
    this.#makeRoom();
  }

  async #sendGathered(): Promise<void> {
    const [messages, mark] = [this.#gathered, this.#mark];
    this.#gathered = [];
    this.#bytes = 0;
    this.#makeRoom();
    if (mark === undefined) return;
    await this.#options.publish(messages, mark);
    await this.#options.onPublished(mark);
  }

  #makeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  #requireHealth(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
