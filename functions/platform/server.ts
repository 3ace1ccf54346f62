import http, { type RequestListener, type Server } from 'node:http';
import { parseArgs } from 'node:util';
import { http as registerHttp } from '@google-cloud/functions-framework';
import { ConfigError } from './config.ts';
import { Log } from './log.ts';

/** The platform kills an instance 10 s after SIGTERM. */
const DRAIN_MILLIS = 9_000;
const IDLE_CHECK_MILLIS = 20;

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
  if (targetOf(process.env, process.argv) === name) {
    const listener = createOrExit(create);
    registerHttp(name, listener);
    serveNextServer(listener);
  } else {
    let listener: RequestListener | undefined;
    registerHttp(name, (request, response) => (listener ??= create(process.env))(request, response));
  }
}

/** The function that the process is to serve, as the Framework reads it. */
export function targetOf(variables: NodeJS.ProcessEnv, argv: readonly string[]): string | undefined {
  const { values } = parseArgs({ args: argv.slice(2), options: { target: { type: 'string' } }, strict: false });
  return typeof values.target === 'string' ? values.target : variables['FUNCTION_TARGET'];
}

function createOrExit(create: (variables: NodeJS.ProcessEnv) => RequestListener): RequestListener {
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
    // The Framework adds its signal handlers in the callback of its `listen`, which is called after this one.
    server.once('listening', () => setImmediate(drainOnSignal, server));
    return server;
  };
}

/** Lets requests in flight finish; the Framework by itself would answer one of them with 500 and cut the others. */
function drainOnSignal(server: Server): void {
  const log = new Log(undefined);
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.removeAllListeners(signal);
    process.on(signal, () => {
      if (stopping) return;
      stopping = true;
      log.stopping(signal);
      setTimeout(() => process.exit(0), DRAIN_MILLIS);
      server.close(() => process.exit(0));
      // A connection is kept open for the next request when its last one has been answered.
      setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MILLIS);
    });
  }
}
