import { status } from '@grpc/grpc-js';
import { PublisherClient as PublicClient } from '@google-cloud/pubsub-api';
import { afterEach, expect, test, vi } from 'vitest';
import { PublisherClient } from '../../../../functions/messaging/generatedPublisherClient.ts';
import { CommonFields, EncodableMessage, PublishRequest } from '../../../../functions/model/publishRequest.ts';
import { Publisher } from '../../../../functions/messaging/publisher.ts';
import { Deadline } from '../../../../functions/runtime/deadline.ts';
import { loadServices } from '../../../../local/backends/protos.ts';
import { type LocalServer, RpcError, serve } from '../../../../local/backends/rpc.ts';

interface ReceivedRequest {
  readonly topic: string;
  readonly messages: readonly { readonly data: Buffer; readonly attributes: object; readonly orderingKey: string }[];
}

type Answer = { readonly messageIds: readonly string[] } | { readonly code: status } | 'never';

const PROTOS = '@google-cloud/pubsub-api/build/protos/protos.json';
const SERVICES = loadServices(PROTOS, 'google.pubsub.v1.Publisher');
const accepted = ({ messages }: ReceivedRequest): Answer => ({ messageIds: messages.map((_, index) => `m${index}`) });
const failing = (code: status) => (): Answer => ({ code });

let server: LocalServer | undefined;

afterEach(async () => await server?.stop());

/** Starts a Pub/Sub whose calls are answered in turn; the last answer repeats. */
async function pubsubThat(...answers: ((request: ReceivedRequest) => Answer)[]) {
  const requests: ReceivedRequest[] = [];
  const publish = async (request: ReceivedRequest) => {
    const answer = answers[Math.min(requests.length, answers.length - 1)]?.(request) ?? 'never';
    requests.push(request);
    if (answer === 'never') return await new Promise(() => {});
    if ('code' in answer) throw new RpcError(answer.code, '');
    return answer;
  };
  server = await serve(SERVICES, { publish });
  return { requests, publisher: publisherTo(server.host, 'demo') };
}

function publisherTo(pubsubEmulator: string, projectId: string | undefined): Publisher<'events'> {
  return new Publisher({ projectId, pubsubEmulator, topics: { events: 'gemini-events' } });
}

const message = (text: string) => ({ data: Buffer.from(text), attributes: { a: '1' }, orderingKey: 'batches/a' });

function requestOf(...texts: readonly string[]): PublishRequest {
  const { attributes, orderingKey } = message('');
  const request = new PublishRequest();
  for (const text of texts)
    request.add(new EncodableMessage(new CommonFields({ attributes, orderingKey }), {}, [Buffer.from(text)]));
  return request;
}

const inMillis = (millis: number) => Deadline.inMillis(millis);

test('a message arrives unchanged, and its id is returned', async () => {
  const { publisher, requests } = await pubsubThat(accepted);
  expect(await publisher.publish('events', message('x'), inMillis(5_000))).toBe('m0');
  expect(requests).toMatchObject([{ topic: 'projects/demo/topics/gemini-events', messages: [message('x')] }]);
});

test('a request of many messages arrives unchanged', async () => {
  const { publisher, requests } = await pubsubThat(accepted);
  expect(await publisher.publishAll('events', requestOf('x', 'y'), inMillis(5_000))).toEqual(['m0', 'm1']);
  expect(requests).toMatchObject([
    { topic: 'projects/demo/topics/gemini-events', messages: [message('x'), message('y')] },
  ]);
});

test('messages of one turn of the event loop share a call, and each gets its own id', async () => {
  const { publisher, requests } = await pubsubThat(accepted);
  const texts = ['x', 'y', 'z'];
  const ids = texts.map(async (text) => await publisher.publish('events', message(text), inMillis(5_000)));
  expect(await Promise.all(ids)).toEqual(['m0', 'm1', 'm2']);
  expect(requests).toHaveLength(1);
});

test('a call that Pub/Sub cannot serve at the moment is repeated within the deadline', async () => {
  const { publisher, requests } = await pubsubThat(failing(status.UNAVAILABLE), failing(status.ABORTED), accepted);
  expect(await publisher.publishAll('events', requestOf('x'), inMillis(5_000))).toEqual(['m0']);
  expect(requests).toHaveLength(3);
});

test('a refusal is reported at once, with its cause', async () => {
  const { publisher, requests } = await pubsubThat(failing(status.PERMISSION_DENIED));
  const publishing = publisher.publishAll('events', requestOf('x'), inMillis(5_000));
  await expect(publishing).rejects.toMatchObject({
    reason: 'PUBLISH_UNAVAILABLE',
    cause: { code: status.PERMISSION_DENIED },
  });
  expect(requests).toHaveLength(1);
});

test('a Pub/Sub that never answers ends with the deadline', async () => {
  const { publisher } = await pubsubThat(() => 'never');
  const startedAt = performance.now();
  const publishing = publisher.publish('events', message('x'), inMillis(300));
  await expect(publishing).rejects.toMatchObject({ reason: 'PUBLISH_UNAVAILABLE' });
  expect(performance.now() - startedAt).toBeLessThan(2_000);
});

test('nothing is sent when no time is left', async () => {
  const { publisher, requests } = await pubsubThat(accepted);
  const publishing = publisher.publish('events', message('x'), inMillis(0));
  await expect(publishing).rejects.toMatchObject({ reason: 'PUBLISH_UNAVAILABLE' });
  await publisher.publish('events', message('y'), inMillis(5_000));
  expect(requests).toMatchObject([{ messages: [message('y')] }]);
});

test('a client that failed to open is opened again for the next message', async () => {
  const { requests } = await pubsubThat(accepted);
  const publisher = publisherTo(server?.host ?? '', undefined);
  // The client looks for a project for seconds: it runs gcloud.
  const publish = async () => await publisher.publish('events', message('x'), inMillis(20_000));
  // The metadata server does not answer with the project yet.
  vi.stubEnv('GOOGLE_CLOUD_PROJECT', '');
  await expect(publish()).rejects.toMatchObject({ reason: 'PUBLISH_UNAVAILABLE' });
  vi.stubEnv('GOOGLE_CLOUD_PROJECT', 'known-later');
  await publish();
  vi.unstubAllEnvs();
  expect(requests).toMatchObject([{ topic: 'projects/known-later/topics/gemini-events' }]);
});

test('an answer without an id for every message is a failure', async () => {
  const { publisher } = await pubsubThat(() => ({ messageIds: ['m0'] }));
  const publishing = publisher.publishAll('events', requestOf('x', 'y'), inMillis(2_000));
  await expect(publishing).rejects.toMatchObject({ reason: 'PUBLISH_UNAVAILABLE' });
});

test('the client is the public class of its package', () => {
  expect(PublisherClient).toBe(PublicClient);
});
