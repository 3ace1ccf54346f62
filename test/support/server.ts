import { once } from 'node:events';
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A server of a test on the loopback interface, on a free port unless the test gives one. */
export interface TestServer<T extends Server = Server> {
  readonly server: T;
  readonly port: number;
  /** `host:port`. */
  readonly host: string;
  /** Without a slash at the end. */
  readonly url: string;
  /** Cuts all connections and closes the server. */
  readonly close: () => Promise<void>;
}

/** Serves HTTP. */
export async function serveHttp(listener: RequestListener | AsyncListener, port = 0): Promise<TestServer<HttpServer>> {
  return await listen(
    createHttpServer((request, response) => void listener(request, response)),
    port,
  );
}

type AsyncListener = (...given: Parameters<RequestListener>) => Promise<void>;

/** Serves HTTP until the end of the test. */
export async function serveHttpInTest(listener: RequestListener | AsyncListener, port = 0) {
  const served = await serveHttp(listener, port);
  onTestFinished(async () => await served.close());
  return served;
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** Accepts requests and never answers. */
export async function serveSilentHttp() {
  return await serveHttp(() => {});
}

/** Accepts TCP connections. */
export async function serveTcp(onConnection: (socket: Socket) => void): Promise<TestServer> {
  return await listen(createTcpServer((socket) => onConnection(socket.on('error', () => {}))));
}

/** Accepts connections and never writes a byte: a dependency that stalls. */
export async function serveSilence(): Promise<TestServer> {
  return await serveTcp(() => {});
}

async function listen<T extends Server>(server: T, givenPort = 0): Promise<TestServer<T>> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await once(server.listen(givenPort, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const host = `127.0.0.1:${port}`;
  return {
    server,
    port,
    host,
    url: `http://${host}`,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      if (server.listening) await once(server.close(), 'close');
    },
  };
}
