import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, parseJson } from '../contract/callback/support.ts';

/** How much goes out at a time, with a pause behind it. */
export interface Pace {
  readonly bytes: number;
  readonly millis: number;
}

/** Sends bytes as no HTTP client would, and reads one answer or until the connection is closed. */
export async function exchange(url: string, request: Buffer, pace?: Pace): Promise<Answer> {
  const { hostname, port } = new URL(url);
  const startedAt = performance.now();
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  // A function that has answered may cut off what is still on its way.
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  let received = '';
  socket.setEncoding('latin1').on('data', (text) => {
    received += String(text);
    if (isWhole(received)) socket.destroy();
  });
  const size = pace?.bytes ?? request.length;
  for (let sent = 0; sent < request.length && !socket.destroyed; sent += size) {
    socket.write(request.subarray(sent, sent + size));
    if (pace) await Promise.race([sleep(pace.millis), closed]);
  }
  await closed;
  return { ...answerOf(received), millis: performance.now() - startedAt };
}

function isWhole(received: string): boolean {
  const { headers, text } = answerOf(received);
  return Buffer.byteLength(text) >= Number(headers['content-length'] ?? Infinity);
}

function answerOf(received: string): Omit<Answer, 'millis'> {
  const [head = '', ...rest] = received.split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers = Object.fromEntries(lines.map((line) => line.split(': ', 2)));
  const text = Buffer.from(rest.join('\r\n\r\n'), 'latin1').toString();
  return { status: Number(statusLine.split(' ')[1]), headers, text, body: parseJson(text) };
}
