import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

interface ReceivedPost {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** An HTTP server on loopback that keeps what it receives; it ends with the test. */
export class TestReceiver {
  readonly received: ReceivedPost[] = [];
  /** Statuses of the next answers; 204 when there are none left. */
  readonly answers: number[] = [];
  readonly url: string;

  private constructor(url: string) {
    this.url = url;
  }

  static async start(): Promise<TestReceiver> {
    const keep = async (request: IncomingMessage, response: ServerResponse) => {
      receiver.received.push({ headers: request.headers, body: await buffer(request) });
      response.writeHead(receiver.answers.shift() ?? 204).end();
    };
    const server = createServer((request, response) => void keep(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const receiver = new TestReceiver(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`);
    onTestFinished(async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    });
    return receiver;
  }
}
