import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import pubsubDefinitions from '../../../node_modules/@google-cloud/pubsub-api/build/protos/protos.json' with { type: 'json' };
import { Service } from './service.ts';

/**
 * The floor of `fetchResults`: downloads the same bytes and publishes them in as many messages and as large calls,
 * without looking at them. It finds no lines, parses nothing, keeps no record and cannot resume.
 */
const { PORT, GOOGLE_CLOUD_PROJECT: project, PUBSUB_EMULATOR_HOST, RESULTS_TOPIC } = process.env;
const { GOOGLE_GEMINI_BASE_URL, GEMINI_API_KEY = '', MESSAGE_BYTES } = process.env;
const pubsub = new Service(pubsubDefinitions, 'google.pubsub.v1.Publisher', PUBSUB_EMULATOR_HOST);
const topic = `projects/${project}/topics/${RESULTS_TOPIC}`;
const headers = { 'x-goog-api-key': GEMINI_API_KEY };

/** One chunk more is a call as large as those of `fetchResults`: at most 1,000 messages and 1 MB. */
const FULL_BYTES = 900_000;
const messageBytes = Number(MESSAGE_BYTES);

async function fetchResults(jobId: string): Promise<void> {
  const answer = await fetch(`${GOOGLE_GEMINI_BASE_URL}/v1beta/${jobId}`, { headers });
  const { metadata } = (await answer.json()) as { metadata: { output: { responsesFile: string } } };
  const file = await fetch(`${GOOGLE_GEMINI_BASE_URL}/v1beta/${metadata.output.responsesFile}:download?alt=media`, {
    headers,
  });
  let [gathered, bytes]: [Uint8Array[], number] = [[], 0];
  let publishing: Promise<unknown> = Promise.resolve();
  for await (const chunk of file.body ?? []) {
    gathered.push(chunk);
    bytes += chunk.length;
    if (bytes < FULL_BYTES) continue;
    await publishing;
    publishing = publish(jobId, Buffer.concat(gathered));
    [gathered, bytes] = [[], 0];
  }
  await publishing;
  if (bytes > 0) await publish(jobId, Buffer.concat(gathered));
}

async function publish(jobId: string, bytes: Buffer): Promise<void> {
  const attributes = {
    'ce-specversion': '1.0',
    'ce-id': `${jobId}/0`,
    'ce-type': 'job.result',
    'ce-source': `//generativelanguage.googleapis.com/${jobId}`,
    'content-type': 'application/json',
    webhook_id: 'msg_1',
    job_id: jobId,
    job_kind: 'batch',
    result_index: '0',
    result_key: 'key',
    result_status: 'ok',
  };
  const messages = Array.from({ length: Math.ceil(bytes.length / messageBytes) }, (_, index) => ({
    data: bytes.subarray(index * messageBytes, (index + 1) * messageBytes),
    attributes,
    orderingKey: jobId,
  }));
  await pubsub.call('Publish', { topic, messages });
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { message } = (await json(request)) as { message?: { attributes: { job_id: string } } };
  if (message) await fetchResults(message.attributes.job_id);
  response.writeHead(204).end();
}

createServer((request, response) => {
  handle(request, response).catch((error: unknown) => {
    console.error(error);
    response.writeHead(500).end();
  });
}).listen(Number(PORT), '127.0.0.1');
