import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';

/** A gRPC server on the loopback interface. */
export interface LocalServer {
  /** The address, `127.0.0.1:port`. */
  readonly host: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** A service and the methods that it implements. grpc-js answers all others UNIMPLEMENTED with the method's name. */
export type ServedService = readonly [definition: ServiceDefinition, methods: UntypedServiceImplementation];

/**
 * Serves on 127.0.0.1 only.
 *
 * @param port 0 takes a free one.
 * @param maxRequestBytes larger requests are refused with RESOURCE_EXHAUSTED.
 */
export async function serve(
  services: readonly ServedService[],
  { port = 0, maxRequestBytes }: { port?: number; maxRequestBytes: number },
): Promise<LocalServer> {
  const server = new Server({ 'grpc.max_receive_message_length': maxRequestBytes });
  for (const [definition, methods] of services) server.addService(definition, methods);
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, assigned) => {
      if (error) reject(error);
      else resolve(assigned);
    });
  });
  const stop = async (): Promise<void> => server.forceShutdown();
  return { host: `127.0.0.1:${bound}`, port: bound, stop };
}
