import http, { type RequestListener, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { parseArgs } from 'node:util';
import { cloudEvent as registerCloudEvent, http as registerHttp } from '@google-cloud/functions-framework';
import { ConfigError } from '../config/environment.ts';
import { ServiceError } from '../runtime/serviceError.ts';
import { type EventHandler, eventListener, messageOfEvent } from './push.ts';
import { Log } from '../observability/log.ts';

/** The platform kills an instance 10 s after SIGTERM. */
const DRAIN_MILLIS = 9_000;
const IDLE_CHECK_MILLIS = 20;

const stop = new AbortController();

/** Aborted when this instance is told to end: work that takes longer than a few seconds is to leave off. */
export const stopping: AbortSignal = stop.signal;

/**
 * Registers an HTTP function with the Functions Framework, and serves it in front of the Framework's own application.
 *
 * That application parses every body before the function sees it: it answers some requests by itself, logs up to 10,000
 * characters of what nobody has verified, gives no raw bytes where the content type is missing, and takes bodies of a
 * gigabyte. So the server that the Framework makes, and goes on to own, gets our listener instead. Where it makes none
 * through `http.createServer`, the same listener is called through the application and still works.
 *
 * @param create called at once where this function is the process's target, so that a bad environment stops the start.
 */
export function serveHttp(name: string, create: (variables: NodeJS.ProcessEnv) => RequestListener): void {
  const listener = whenTarget(name, create);
  registerHttp(name, (request, response) => listener()(request, response));
  if (isTarget(name)) serveNextServer(listener());
}

/** Registers a function for the messages of a topic, likewise; a message is acknowledged by a 2xx. */
export function serveEvents(name: string, create: (variables: NodeJS.ProcessEnv) => EventHandler): void {
  const handler = whenTarget(name, create);
  registerCloudEvent(name, async (event: unknown) => await handler()(messageOfEvent(event)));
  if (isTarget(name)) serveNextServer(eventListener(handler()));
}

/** The function that the process is to serve, as the Framework reads it. */
export function targetOf(variables: NodeJS.ProcessEnv, argv: readonly string[]): string | undefined {
  const { values } = parseArgs({ args: argv.slice(2), options: { target: { type: 'string' } }, strict: false });
  return typeof values.target === 'string' ? values.target : variables['FUNCTION_TARGET'];
}

function isTarget(name: string): boolean {
  return targetOf(process.env, process.argv) === name;
}

/** What `create` makes, once: at the start for the process's target, at the first call for the others. */
function whenTarget<T>(name: string, create: (variables: NodeJS.ProcessEnv) => T): () => T {
  let made = isTarget(name) ? { value: createOrExit(create) } : undefined;
  return () => (made ??= { value: create(process.env) }).value;
}

function createOrExit<T>(create: (variables: NodeJS.ProcessEnv) => T): T {
  try {
    return create(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    new Log(undefined, (line) => process.stderr.write(line)).configInvalid(error);
    process.exit(1);
  }
}

/** Takes the place of `http.createServer` for one call: the Framework's, once it has loaded this module. */
function serveNextServer(listener: RequestListener): void {
  const { createServer } = http;
  http.createServer = () => {
    http.createServer = createServer;
    const server = createServer(listener);
    answerEverything(server, listener);
    // The Framework adds its signal handlers in the callback of its `listen`, which is called after this one.
    server.once('listening', () => setImmediate(drainOnSignal, server));
    return server;
  };
}

/**
 * Has what Node answers by itself, in no JSON or not at all, answered as everything else is.
 *
 * Nothing of what came is repeated. An expectation that we do not know may be ignored (RFC 9110, 10.1.1).
 */
function answerEverything(server: Server, listener: RequestListener): void {
  server.on('checkExpectation', listener);
  server.on('connect', (_request, socket) => {
    refuse(socket, new ServiceError('METHOD_NOT_ALLOWED', 'This is no proxy; send a POST.'));
  });
  server.on('clientError', (_error, socket) => {
    const message = 'This cannot be read as HTTP/1.1 with at most 16 KiB of headers; send a well-formed request.';
    refuse(socket, new ServiceError('INVALID_HEADER', message));
  });
}

/** Answers on a connection that has no response of Node's, and closes it. */
function refuse(socket: Duplex, error: ServiceError): void {
  if (!socket.writable) return;
  const body = JSON.stringify(error);
  const { http: status } = error.kind;
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    connection: 'close',
    ...error.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const answer = `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`;
  // Node no longer listens to a connection that it hands over; one that breaks now must not end the process.
  socket.on('error', () => {});
  socket.end(answer, () => socket.destroy());
}

/** Lets requests in flight finish; the Framework by itself would answer one of them with 500 and cut the others. */
function drainOnSignal(server: Server): void {
  const log = new Log(undefined);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.removeAllListeners(signal);
    process.on(signal, () => {
      if (stopping.aborted) return;
      log.stopping(signal);
      stop.abort(new Error(`The instance ends (${signal}).`));
      setTimeout(() => process.exit(0), DRAIN_MILLIS);
      server.close(() => process.exit(0));
      // A connection is kept open for the next request when its last one has been answered.
      setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MILLIS);
    });
  }
}
