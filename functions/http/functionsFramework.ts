import http, { type RequestListener, type Server } from 'node:http';
import { parseArgs } from 'node:util';
import { cloudEvent as registerCloudEvent, http as registerHttp } from '@google-cloud/functions-framework';
import { ConfigError } from '../config/configError.ts';
import { Log } from '../observability/log.ts';
import { answerProtocolErrors } from './protocolErrors.ts';
import { type EventHandler, eventListener, messageOfEvent } from './push.ts';
import { shutDownOnSignal, SIGNALS } from './shutdown.ts';

/**
 * Registers an HTTP function with the Functions Framework, and serves it in front of the Framework's own application.
 *
 * That application parses every body before the function receives it: it answers some requests itself, logs up to
 * 10,000 characters of unverified bodies, provides no raw bytes where the content type is missing, and accepts bodies of
 * a gigabyte. So the server that the Framework creates gets the function's listener instead. If the Framework stops
 * using `http.createServer`, the listener is called through the application and still works
 * (docs/design/0005-server-in-front-of-the-framework.md).
 *
 * @param create called at once where the process serves this function, so that a bad environment stops the start.
 */
export function serveHttp(name: string, create: (variables: NodeJS.ProcessEnv) => RequestListener): void {
  const listener = whenTarget(name, create);
  registerHttp(name, (request, response) => listener()(request, response));
  if (isTarget(name)) serveNextServer(listener());
}

/** Registers a function for the messages of a topic in the same way; a 2xx acknowledges a message. */
export function serveEvents(name: string, create: (variables: NodeJS.ProcessEnv) => EventHandler): void {
  const handler = whenTarget(name, create);
  registerCloudEvent(name, async (event: unknown) => await handler()(messageOfEvent(event)));
  const log = new Log(process.env['GOOGLE_CLOUD_PROJECT']);
  if (isTarget(name)) serveNextServer(eventListener(handler(), log));
}

/** Returns the name of the function that the process serves, as the Framework reads it. */
export function targetOf(variables: NodeJS.ProcessEnv, argv: readonly string[]): string | undefined {
  const { values } = parseArgs({ args: argv.slice(2), options: { target: { type: 'string' } }, strict: false });
  return typeof values.target === 'string' ? values.target : variables['FUNCTION_TARGET'];
}

function isTarget(name: string): boolean {
  return targetOf(process.env, process.argv) === name;
}

/** Creates a function once: at the start where the process serves it, otherwise at the first call. */
function whenTarget<T>(name: string, create: (variables: NodeJS.ProcessEnv) => T): () => T {
  let created = isTarget(name) ? { value: createOrExit(create) } : undefined;
  return () => (created ??= { value: create(process.env) }).value;
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

/** Replaces `http.createServer` for one call: the Framework's, after it has loaded this module. */
function serveNextServer(listener: RequestListener): void {
  const { createServer } = http;
  http.createServer = () => {
    http.createServer = createServer;
    const server = createServer(listener);
    answerProtocolErrors(server, listener);
    shutDownOnSignal(server);
    removeSignalHandlersOfListen(server);
    return server;
  };
}

/**
 * Removes the signal handlers that the Framework adds in the callback of its `listen`: they would answer one request with
 * 500 and reset the others. Handlers of any other origin stay.
 */
function removeSignalHandlersOfListen(server: Server): void {
  server.once('listening', () => {
    const before = SIGNALS.map((signal) => new Set<unknown>(process.listeners(signal)));
    process.nextTick(() => {
      SIGNALS.forEach((signal, index) => {
        const added = process.listeners(signal).filter((handler) => before[index]?.has(handler) === false);
        for (const handler of added) process.off(signal, handler);
      });
    });
  });
}
