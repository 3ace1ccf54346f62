import { createHmac, randomBytes } from 'node:crypto';
import { type Agent, request } from 'node:http';

const KEY = randomBytes(32);
export const SECRET = `whsec_${KEY.toString('base64')}`;
const RUN = randomBytes(4).toString('hex');

export interface Sent {
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: string;
}

let sent = 0;

export function delivery(key: Buffer = KEY): Sent {
  const id = `msg_${RUN}_${sent++}`;
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const body = JSON.stringify({
    type: 'batch.succeeded',
    version: 'v1',
    timestamp: new Date().toISOString(),
    data: { id: `batches/${id}`, output_file_uri: `files/${id}` },
    user_metadata: { team: 'search', attempt: 3 },
  });
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  const webhook = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
  return {
    headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...webhook },
    body,
  };
}

/** Returns the status, or 0 where nothing listens. */
export async function send(port: number, { headers, body }: Sent, agent?: Agent): Promise<number> {
  return await new Promise((resolve) => {
    const sending = request({ port, host: '127.0.0.1', method: 'POST', headers, agent }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    sending.on('error', () => resolve(0)).end(body);
  });
}

export function many(count: number, key?: Buffer): Sent[] {
  return Array.from({ length: count }, () => delivery(key));
}

/** @returns the seconds that all of the work took. */
export async function runAtOnce(
  atOnce: number,
  all: readonly Sent[],
  work: (each: Sent) => Promise<void>,
): Promise<number> {
  const waiting = [...all];
  const startedAt = performance.now();
  const worker = async () => {
    for (let each = waiting.pop(); each !== undefined; each = waiting.pop()) await work(each);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return (performance.now() - startedAt) / 1_000;
}
