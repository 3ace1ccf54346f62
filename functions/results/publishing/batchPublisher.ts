import type { Message } from '../../model/message.ts';
import type { SizedMessage } from '../../model/result.ts';

/** Limits of one request to Pub/Sub: it takes 1,000 messages and 10 MB; less keeps the memory small. */
const MAX_MESSAGES = 1_000;
const MAX_BYTES = 1_000_000;

export interface BatchPublisherOptions<Mark> {
  /** Brings messages out, in their order, or throws. */
  readonly publish: (messages: readonly Message[]) => Promise<void>;
  /** Called when all messages up to this mark are out; the next ones wait for it. */
  readonly onPublished: (mark: Mark) => Promise<void>;
}

/**
 * Publishes a stream of messages in batches that adapt: while one is on its way the next one gathers, so a slow source
 * waits for nothing and a quick one fills whole requests. Never more than two are in memory, and order is kept.
 */
export class BatchPublisher<Mark> {
  readonly #options: BatchPublisherOptions<Mark>;
  #gathered: Message[] = [];
  #bytes = 0;
  #mark: Mark | undefined;
  #onTheWay: Promise<void> | undefined;
  #room: PromiseWithResolvers<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: BatchPublisherOptions<Mark>) {
    this.#options = options;
  }

  /**
   * Takes a message, and waits where there is no room for it.
   *
   * @throws whatever `publish` threw, for this message or an earlier one.
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
    this.#onTheWay ??= this.#send();
  }

  /** Waits until everything is out. */
  async end(): Promise<void> {
    await this.#onTheWay;
    this.#requireHealth();
  }

  /** Sends what has gathered, and then what has gathered meanwhile. */
  async #send(): Promise<void> {
    try {
      while (this.#gathered.length > 0) await this.#sendGathered();
    } catch (error) {
      this.#failure = { error };
    }
    this.#onTheWay = undefined;
    this.#makeRoom();
  }

  async #sendGathered(): Promise<void> {
    const [messages, mark] = [this.#gathered, this.#mark];
    this.#gathered = [];
    this.#bytes = 0;
    this.#makeRoom();
    await this.#options.publish(messages);
    if (mark !== undefined) await this.#options.onPublished(mark);
  }

  #makeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  #requireHealth(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
