import { status } from '@grpc/grpc-js';
import { loadServices } from '../protos.ts';
import { type LocalServer, RpcError, serve } from '../rpc.ts';
import { Broker } from './broker.ts';
import { publisherMethods } from './publisher.ts';
import { Store } from './store.ts';
import { subscriberMethods } from './subscriber.ts';

export { Store } from './store.ts';

const PROTOS = '@google-cloud/pubsub-api/build/protos/protos.json';

/**
 * Starts an embedded stand-in of Pub/Sub on 127.0.0.1. docs/local.md lists its differences from the official emulator.
 *
 * @param port 0 takes a free one.
 * @param store a stopped server's, to continue with its topics, subscriptions and unacknowledged messages.
 */
export async function startPubsub({ port = 0, store = new Store() } = {}): Promise<LocalServer> {
  const broker = new Broker(store);
  const methods = { ...publisherMethods(broker), ...subscriberMethods(broker) };
  const definitions = loadServices(PROTOS, 'google.pubsub.v1.Publisher', 'google.pubsub.v1.Subscriber');
  const server = await serve(definitions, methods, port);
  broker.start();
  const stop = async () => {
    broker.stop(new RpcError(status.UNAVAILABLE, 'The server is stopping.'));
    await server.stop();
  };
  return { ...server, stop };
}
