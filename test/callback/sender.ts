import { randomUUID } from 'node:crypto';
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http';
import { signV1 } from '../simulator/signing.ts';

/** What a test wants sent; the rest is as a genuine static delivery of now has it. */
export interface Sent {
  readonly id?: string;
  readonly body?: string | Buffer;
  readonly method?: string;
  readonly path?: string;
  readonly timestampSeconds?: number;
  /** Headers to add or, with `undefined`, to leave out. */
  readonly headers?: Readonly<Record<string, string | string[] | undefined>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly json: {
    readonly status?: string;
    readonly webhookId?: string;
    readonly error?: {
      readonly code: number;
      readonly status: string;
      readonly message: string;
      readonly details: readonly object[];
    };
  };
  /** The status of a success, the reason of a failure. */
  readonly outcome: string;
}

export const newId = () => `msg_${randomUUID()}`;
export const nowSeconds = () => Math.floor(Date.now() / 1_000);

/** Sends a delivery with Node's own client, which changes neither headers nor bytes. */
export async function send(url: string, secret: string, sent: Sent): Promise<Answer> {
  const {
    id = newId(),
    body = '{"type":"webhook.ping"}',
    method = 'POST',
    path = '/',
    timestampSeconds = nowSeconds(),
  } = sent;
  const headers = {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': signV1(secret, { id, timestampSeconds, body }),
    ...sent.headers,
  };
  const present = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  const bytes = ['GET', 'HEAD'].includes(method) ? Buffer.alloc(0) : Buffer.from(body);
  return await exchange(new URL(url), method, path, Object.fromEntries(present), bytes);
}

async function exchange(
  { hostname, port }: URL,
  method: string,
  path: string,
  headers: OutgoingHttpHeaders,
  body: Buffer,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const outgoing = request({ hostname, port, method, path, headers }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const json = (text === '' ? {} : JSON.parse(text)) as Answer['json'];
      const reason = json.error?.details.map((detail) => ('reason' in detail ? String(detail.reason) : ''))[0];
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        json,
        outcome: json.status ?? reason ?? '',
      });
    });
  });
  outgoing.on('error', reject);
  outgoing.end(body);
  return await promise;
}
