import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** A connection, and the requests on it. */
interface Connection {
  /** Requests without a finished response. */
  open: number;
  /** The response that ends last. */
  lastResponse: ServerResponse | undefined;
  /** By the monotonic clock, in milliseconds. */
  idleSince: number;
  /** Bytes of all finished requests: more have arrived where the next request has begun. */
  bytesRead: number;
}

/** The open connections of an HTTP server, and whether a request is on each. */
export class Connections {
  readonly #connections = new Map<Socket, Connection>();
  /** The response of each connection that was changed to close it. */
  readonly #closing = new WeakSet<ServerResponse>();
  #isDraining = false;
  #lastAcceptedAt = -Infinity;

  constructor(server: Server) {
    server.prependListener('connection', (socket: Socket) => this.#accept(socket));
    for (const event of ['request', 'checkExpectation']) {
      server.prependListener(event, (request: IncomingMessage, response: ServerResponse) => {
        this.#begin(request.socket, response);
      });
    }
  }

  get lastAcceptedAt(): number {
    return this.#lastAcceptedAt;
  }

  /** Responses that have not begun. */
  get unanswered(): readonly ServerResponse[] {
    return [...this.#connections.values()].flatMap(({ open, lastResponse }) =>
      open > 0 && lastResponse?.headersSent === false ? [lastResponse] : [],
    );
  }

  /** From now on the last response of each connection says `connection: close`. */
  drain(): void {
    this.#isDraining = true;
    for (const { open, lastResponse } of this.#connections.values()) {
      if (open > 0 && lastResponse) this.#closeAfter(lastResponse);
    }
  }

  /**
   * Closes connections that had no request and no byte of one for some time after `since`. The client sees the end of the
   * stream and not a reset.
   *
   * @param millis for connections that had a request, and for those that had none yet.
   */
  closeIdle(millis: { readonly used: number; readonly fresh: number }, since: number): void {
    const now = performance.now();
    for (const [socket, { open, idleSince, bytesRead }] of this.#connections) {
      const isIdle = open === 0 && socket.bytesRead === bytesRead && !socket.writableEnded;
      const limit = bytesRead === 0 ? millis.fresh : millis.used;
      if (isIdle && now - Math.max(idleSince, since) >= limit) socket.end();
    }
  }

  #accept(socket: Socket): void {
    this.#lastAcceptedAt = performance.now();
    this.#connections.set(socket, {
      open: 0,
      lastResponse: undefined,
      idleSince: this.#lastAcceptedAt,
      bytesRead: 0,
    });
    socket.once('close', () => this.#connections.delete(socket));
  }

  #begin(socket: Socket, response: ServerResponse): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    if (this.#isDraining) this.#moveClose(connection.lastResponse, response);
    connection.open += 1;
    connection.lastResponse = response;
    response.once('close', () => {
      connection.open -= 1;
      connection.idleSince = performance.now();
      connection.bytesRead = socket.bytesRead;
    });
  }

  /** Moves the close to the last of the pipelined requests, so that all of them are answered. */
  #moveClose(from: ServerResponse | undefined, to: ServerResponse): void {
    if (from && !from.headersSent && this.#closing.has(from)) from.shouldKeepAlive = true;
    this.#closeAfter(to);
  }

  #closeAfter(response: ServerResponse): void {
    if (response.headersSent || !response.shouldKeepAlive) return;
    response.shouldKeepAlive = false;
    this.#closing.add(response);
  }
}
