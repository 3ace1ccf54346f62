import { type EncodableMessage, PublishRequest } from '../../model/publishRequest.ts';

/** Pub/Sub takes 1,000 messages and 10 MB in a request; fewer bytes keep the memory small. */
const MAX_MESSAGES = 1_000;
const MAX_BYTES = 1_000_000;

/** Holds a full request with its topic. */
const MAX_CAPACITY = 1_048_576;

interface BatchPublisherOptions<Mark> {
  /** Publishes messages in their order, the last of which has this mark, or throws. */
  readonly publish: (request: PublishRequest, mark: Mark) => Promise<void>;
  /** Called when all messages up to this mark are published; the next ones wait for it. */
  readonly onPublished: (mark: Mark) => Promise<void>;
}

/**
 * Publishes a stream of messages in batches: while one is being published the next one gathers, so a slow source waits
 * for nothing and a fast one fills whole requests. It keeps the order and at most two batches in memory.
 */
export class BatchPublisher<Mark> {
  readonly #options: BatchPublisherOptions<Mark>;
  #gathered = new PublishRequest();
  #mark: Mark | undefined;
  #sending: Promise<void> | undefined;
  #room: PromiseWithResolvers<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: BatchPublisherOptions<Mark>) {
    this.#options = options;
  }

  /**
   * Adds a message.
   *
   * @returns a promise where there is no room for it yet: it must be awaited before the next message is added.
   * @throws the error of `publish`, for an earlier message; so does the promise.
   */
  add(message: EncodableMessage, mark: Mark): Promise<void> | undefined {
    this.#requireHealth();
    if (!this.#hasRoom(message)) return this.#addLater(message, mark);
    this.#gathered.add(message);
    this.#mark = mark;
    this.#sending ??= this.#send();
    return undefined;
  }

  async #addLater(message: EncodableMessage, mark: Mark): Promise<void> {
    this.#room ??= Promise.withResolvers();
    await this.#room.promise;
    await this.add(message, mark);
  }

  #hasRoom(message: EncodableMessage): boolean {
    const { count, length } = this.#gathered;
    return count === 0 || (count < MAX_MESSAGES && length + message.length <= MAX_BYTES);
  }

  /** Waits until every message is published. */
  async end(): Promise<void> {
    await this.#sending;
    this.#requireHealth();
  }

  /** Publishes the gathered messages, and then those that gathered meanwhile. */
  async #send(): Promise<void> {
    try {
      while (this.#gathered.count > 0) await this.#sendGathered();
    } catch (error) {
      this.#failure = { error };
    }
    this.#sending = undefined;
    this.#makeRoom();
  }

  async #sendGathered(): Promise<void> {
    const [request, mark] = [this.#gathered, this.#mark];
    this.#gathered = new PublishRequest(Math.min(request.capacity, MAX_CAPACITY));
    this.#makeRoom();
    if (mark === undefined) return;
    await this.#options.publish(request, mark);
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
