import type { LocalServer } from '../../local/backends/rpc.ts';

/** A server of the project's embedded backends. Its store outlives it, so that a restart loses nothing. */
export class EmbeddedServer {
  readonly #startAt: (port: number) => Promise<LocalServer>;
  #server: LocalServer;

  private constructor(startAt: (port: number) => Promise<LocalServer>, server: LocalServer) {
    this.#startAt = startAt;
    this.#server = server;
  }

  /** @param startAt starts a server on a port, with the same store each time; 0 takes a free port. */
  static async start(startAt: (port: number) => Promise<LocalServer>): Promise<EmbeddedServer> {
    return new EmbeddedServer(startAt, await startAt(0));
  }

  get host(): string {
    return this.#server.host;
  }

  async restart(): Promise<void> {
    await this.#server.stop();
    this.#server = await this.#startAt(this.#server.port);
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }
}
