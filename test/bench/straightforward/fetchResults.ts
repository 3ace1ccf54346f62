import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { PubSub } from '@google-cloud/pubsub';
import { GoogleGenAI } from '@google/genai';

/**
 * The version that a good developer writes from the documentation: get the batch, read its file, publish each line. The client does
 * not gather messages for 10 ms first, since each is waited for.
 */
const { RESULTS_TOPIC = 'gemini-results', GEMINI_API_KEY = '', GOOGLE_GEMINI_BASE_URL = '', PORT } = process.env;
const ai = new GoogleGenAI({ apiKey: GEMINI_API_KEY });
const topic = new PubSub().topic(RESULTS_TOPIC, { batching: { maxMessages: 1 } });

interface Line {
  readonly key?: string;
}

async function fetchResults(jobId: string): Promise<void> {
  const { dest } = await ai.batches.get({ name: jobId });
  const url = `${GOOGLE_GEMINI_BASE_URL}/v1/${dest?.fileName}:download?alt=media`;
  const response = await fetch(url, { headers: { 'x-goog-api-key': GEMINI_API_KEY } });
  const lines = (await response.text()).split('\n').filter((line) => line !== '');
  for (const [index, line] of lines.entries()) {
    const result = JSON.parse(line) as Line;
    const attributes = { job_id: jobId, result_index: String(index), result_key: result.key ?? '' };
    await topic.publishMessage({ json: { jobId, index, ...result }, attributes });
  }
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { message } = (await json(request)) as { message?: { attributes: { job_id: string } } };
  if (message) await fetchResults(message.attributes.job_id);
  response.writeHead(204).end();
}

createServer((request, response) => {
  handle(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
}).listen(Number(PORT), '127.0.0.1');
