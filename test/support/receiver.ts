import type { IncomingHttpHeaders } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { serveHttpInTest } from './server.ts';

interface ReceivedPost {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** An HTTP server that keeps what it receives, until the end of the test. */
export class TestReceiver {
  readonly received: ReceivedPost[] = [];
  /** Statuses of the next answers; 204 when there are none left. */
  readonly answers: number[] = [];
  readonly url: string;

  private constructor(url: string) {
    this.url = url;
  }

  static async start(): Promise<TestReceiver> {
    const { url } = await serveHttpInTest(async (request, response) => {
      receiver.received.push({ headers: request.headers, body: await buffer(request) });
      response.writeHead(receiver.answers.shift() ?? 204).end();
    });
    const receiver = new TestReceiver(`${url}/hook`);
    return receiver;
  }
}
