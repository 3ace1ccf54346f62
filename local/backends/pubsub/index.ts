import { status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { loadService, type LocalServer, serve, type ServedService } from '../grpc.ts';
import { Broker } from './broker.ts';
import { RpcError, unimplemented } from './errors.ts';
import { publisherMethods } from './publisher.ts';
import { unary } from './rpc.ts';
import { Store } from './store.ts';
import { subscriberMethods } from './subscriber.ts';

export { Store } from './store.ts';

const PROTOS = '@google-cloud/pubsub-api/build/protos/protos.json';

/** Requests beyond Pub/Sub's own limit are read, so that they are refused with INVALID_ARGUMENT, which no client retries. */
const MAX_REQUEST_BYTES = -1;

/**
 * Starts an embedded stand-in of Pub/Sub on 127.0.0.1, for clients that PUBSUB_EMULATOR_HOST points to it.
 *
 * @param port 0 takes a free one.
 * @param store a stopped server's, to continue with its topics, subscriptions and unacknowledged messages.
 */
export async function startPubsub({ port = 0, store = new Store() } = {}): Promise<LocalServer> {
  const broker = new Broker(store);
  const services = [
    served('google.pubsub.v1.Publisher', publisherMethods(broker)),
    served('google.pubsub.v1.Subscriber', subscriberMethods(broker)),
  ];
  const stopDelivery = () => broker.stop(new RpcError(status.UNAVAILABLE, 'The server is stopping.'));
  try {
    const server = await serve(services, { port, maxRequestBytes: MAX_REQUEST_BYTES });
    const stop = async () => {
      stopDelivery();
      await server.stop();
    };
    return { ...server, stop };
  } catch (error) {
    stopDelivery();
    throw error;
  }
}

/** Answers the methods that are not implemented with an error that says what to run instead. */
function served(service: string, methods: UntypedServiceImplementation): ServedService {
  const definition = loadService(PROTOS, service);
  const all = { ...methods };
  for (const { originalName = '', path } of Object.values(definition)) {
    all[originalName] ??= unary(() => {
      throw unimplemented(path);
    });
  }
  return [definition, all];
}
