import { status } from '@grpc/grpc-js';
import { loadServices } from '../protos.ts';
import { type LocalServer, RpcError, serve } from '../rpc.ts';
import { publisherMethods } from './publisher.ts';
import { startPush } from './push.ts';
import { Store } from './store.ts';
import { subscriberMethods } from './subscriber.ts';

export { Store } from './store.ts';

const PROTOS = '@google-cloud/pubsub-api/build/protos/protos.json';

/**
 * Starts the embedded stand-in of Pub/Sub on 127.0.0.1. docs/local.md lists its differences from the official emulator.
 *
 * @param port 0 takes a free one.
 * @param store a stopped server's, to continue with its topics, subscriptions and unacknowledged messages.
 */
export async function startPubsub({ port = 0, store = new Store() } = {}): Promise<LocalServer> {
  const methods = { ...publisherMethods(store), ...subscriberMethods(store) };
  const services = loadServices(PROTOS, 'google.pubsub.v1.Publisher', 'google.pubsub.v1.Subscriber');
  const server = await serve(services, methods, port);
  store.queues.forEach(startPush);
  const stop = async () => {
    const reason = new RpcError(status.UNAVAILABLE, 'The server is stopping.');
    for (const queue of store.queues.values()) queue.close(reason);
    await server.stop();
  };
  return { ...server, stop };
}
