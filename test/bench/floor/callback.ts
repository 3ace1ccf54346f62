import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import firestoreDefinitions from '../../../node_modules/@google-cloud/firestore-api/build/protos/protos.json' with { type: 'json' };
import pubsubDefinitions from '../../../node_modules/@google-cloud/pubsub-api/build/protos/protos.json' with { type: 'json' };
import { Service } from './service.ts';
import { fieldsOf } from './values.ts';

/**
 * The floor of `geminiCallback`: the same four calls with the same documents and message. It verifies, checks and decides
 * nothing, and nothing protects it from a failure.
 */
interface Event {
  readonly type: string;
  readonly timestamp: string;
  readonly data: { readonly id: string; readonly output_file_uri: string };
  readonly user_metadata: Readonly<Record<string, unknown>>;
}

const { PORT, GOOGLE_CLOUD_PROJECT: project, FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST } = process.env;
const firestore = new Service(firestoreDefinitions, 'google.firestore.v1.Firestore', FIRESTORE_EMULATOR_HOST);
const pubsub = new Service(pubsubDefinitions, 'google.pubsub.v1.Publisher', PUBSUB_EMULATOR_HOST);
const database = `projects/${project}/databases/(default)`;
const DAY_MILLIS = 86_400_000;
const [HASH, OWNER] = ['0'.repeat(64), '00000000-0000-0000-0000-000000000000'];

/** Writes the event to both documents. */
async function record(id: string, event: Event, delivery: string, job: string): Promise<unknown> {
  const now = new Date();
  const { type, data } = event;
  const time = new Date(event.timestamp);
  const entry = { webhookId: id, type, time };
  const jobFields = {
    jobId: data.id,
    kind: 'batch',
    state: 'succeeded',
    outputFileUri: data.output_file_uri,
    userMetadata: event.user_metadata,
    finishedAt: time,
    lastEvent: entry,
    timeline: [entry],
    ends: { succeeded: { webhookId: id, time } },
    results: { state: 'pending', event: type },
    updatedAt: now,
    createdAt: now,
  };
  const deliveryFields = {
    webhookId: id,
    scheme: 'v1',
    bodySha256: HASH,
    type,
    jobId: data.id,
    jobKind: 'batch',
    eventTime: time,
    firstReceivedAt: now,
    lastReceivedAt: now,
    expireAt: new Date(now.getTime() + 30 * DAY_MILLIS),
    attempts: 1,
    event,
    payload: Buffer.from(JSON.stringify(event)),
    leaseOwner: OWNER,
    leaseUntil: now,
    state: 'pending',
  };
  const currentDocument = { exists: false };
  const updateTransforms = [{ fieldPath: 'results.updatedAt', setToServerValue: 1 }];
  const writes = [
    { update: { name: job, fields: fieldsOf(jobFields) }, currentDocument, updateTransforms },
    { update: { name: delivery, fields: fieldsOf(deliveryFields) }, currentDocument },
  ];
  const { writeResults } = await firestore.call('Commit', { database, writes });
  return (writeResults as readonly { readonly updateTime: unknown }[]).at(-1)?.updateTime;
}

async function publish(id: string, event: Event): Promise<string> {
  const { type, timestamp, data } = event;
  const attributes = {
    'ce-specversion': '1.0',
    'ce-id': id,
    'ce-type': type,
    'ce-source': `//generativelanguage.googleapis.com/${data.id}`,
    'ce-time': timestamp,
    'content-type': 'application/json',
    webhook_id: id,
    event_type: type,
    job_id: data.id,
    job_kind: 'batch',
    meta_team: 'search',
    meta_attempt: '3',
  };
  const message = { data: Buffer.from(JSON.stringify(event)), attributes, orderingKey: data.id };
  const topic = `projects/${project}/topics/gemini-events`;
  const { messageIds } = await pubsub.call('Publish', { topic, messages: [message] });
  return (messageIds as readonly string[])[0] ?? '';
}

async function mark(delivery: string, messageId: string, updateTime: unknown): Promise<void> {
  const fields = { state: 'published', messageId, publishedAt: new Date() };
  const update = { name: delivery, fields: fieldsOf(fields) };
  const write = { update, updateMask: { fieldPaths: Object.keys(fields) }, currentDocument: { updateTime } };
  await firestore.call('Commit', { database, writes: [write] });
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const id = String(request.headers['webhook-id']);
  const event = (await json(request)) as Event;
  const delivery = `${database}/documents/deliveries/${id}`;
  const job = `${database}/documents/jobs/${event.data.id.replaceAll('/', '~')}`;
  await firestore.stream('BatchGetDocuments', { database, documents: [delivery, job] });
  const updateTime = await record(id, event, delivery, job);
  await mark(delivery, await publish(id, event), updateTime);
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ status: 'published', webhookId: id }));
}

createServer((request, response) => {
  handle(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
}).listen(Number(PORT), '127.0.0.1');
