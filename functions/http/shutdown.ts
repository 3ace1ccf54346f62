import type { Server, ServerResponse } from 'node:http';
import { Server as NetServer } from 'node:net';
import { Log } from '../observability/log.ts';
import { ServiceError } from '../runtime/serviceError.ts';
import { errorResponse, sendJson } from './body.ts';
import { Connections } from './connections.ts';

/** The platform kills an instance 10 s after SIGTERM. */
const EXIT_MILLIS = 9_000;
/** A request without an answer by then gets a 503. */
const ANSWER_MILLIS = 8_500;
const CHECK_MILLIS = 20;

/** The listener closes when no new connection has arrived for this long. */
const QUIET_MILLIS = 250;
/** Clients that keep connecting are accepted this long, and then until the kernel's backlog is empty. */
const ACCEPT_MILLIS = 1_000;
/** The time for which idle and new connections stay open for a request in transit. */
const IDLE_MILLIS = { used: 250, fresh: 1_000 };

export const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

const stop = new AbortController();

/** Aborted when this instance shuts down: work that takes longer than a few seconds must stop and save its progress. */
export const stopping: AbortSignal = stop.signal;

/** Answers all requests that have reached the machine, closes the connections and ends the process on a signal. */
export function shutDownOnSignal(server: Server): void {
  const connections = new Connections(server);
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (stopping.aborted) return;
      new Log(undefined).stopping(signal);
      stop.abort(new Error(`The instance shuts down (${signal}).`));
      setTimeout(() => process.exit(0), EXIT_MILLIS);
      void drain(server, connections).then(() => process.exit(0));
    });
  }
}

/**
 * Stops accepting connections, and resolves when all are closed.
 *
 * Node's `Server.close()` closes idle connections at once, also those whose request is in the kernel's buffer, and
 * resets connections that the kernel has accepted and Node has not. So new connections are accepted until none arrives,
 * each check follows a poll for input (`setImmediate`), and a connection is closed only when it has been silent.
 */
export async function drain(server: Server, connections: Connections): Promise<void> {
  const startedAt = performance.now();
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  connections.drain();
  const check = (pollStartedAt: number) => {
    const now = performance.now();
    const isQuiet = now - Math.max(connections.lastAcceptedAt, startedAt) >= QUIET_MILLIS;
    const isBacklogEmpty = connections.lastAcceptedAt < pollStartedAt;
    if (server.listening && (isQuiet || (now - startedAt >= ACCEPT_MILLIS && isBacklogEmpty))) {
      NetServer.prototype.close.call(server, () => resolve());
    }
    connections.closeIdle(IDLE_MILLIS, startedAt);
    if (now - startedAt >= ANSWER_MILLIS) connections.unanswered.forEach(abandon);
  };
  const timer = setInterval(() => setImmediate(check, performance.now()), CHECK_MILLIS);
  await closed;
  clearInterval(timer);
}

function abandon(response: ServerResponse): void {
  new Log(undefined).requestAbandoned();
  const failure = new ServiceError('DEADLINE_EXCEEDED', 'The instance shuts down. Send the request again.');
  sendJson(response.req, response, errorResponse(failure));
}
