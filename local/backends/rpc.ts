import {
  type MethodDefinition,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';

/** A gRPC server on the loopback interface. */
export interface LocalServer {
  /** The address, `127.0.0.1:port`. */
  readonly host: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** A refusal, with the gRPC status that the client receives. */
export class RpcError extends Error {
  readonly code: status;

  constructor(code: status, message: string) {
    super(message);
    this.code = code;
  }
}

export function invalid(message: string): RpcError {
  return new RpcError(status.INVALID_ARGUMENT, message);
}

export function unimplemented(feature: string): RpcError {
  const instead = 'Run the official emulator: LOCAL_BACKENDS=official.';
  return new RpcError(status.UNIMPLEMENTED, `The embedded backend does not implement ${feature}. ${instead}`);
}

/** Returns the error that a client receives. An unexpected one is a defect of the backend. */
export function toRpcError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  return new RpcError(status.INTERNAL, `The embedded backend failed: ${String(error)}`);
}

type UnaryCall = ServerUnaryCall<never, object>;

/** Returns the response, or the responses of a stream. A method whose requests are a stream receives the call instead. */
type Method = (request: never, call: UnaryCall) => unknown;

export type Methods = Readonly<Record<string, Method>>;

/**
 * Serves the methods on 127.0.0.1 under their names in the services; all others answer UNIMPLEMENTED with their path.
 *
 * @param port 0 takes a free one.
 */
export async function serve(services: readonly ServiceDefinition[], methods: Methods, port = 0): Promise<LocalServer> {
  // A request beyond the limits is read, so that the methods refuse it with a status that no client retries.
  const server = new Server({ 'grpc.max_receive_message_length': -1 });
  for (const service of services) {
    const handlers = Object.values(service).map((definition) => [
      definition.originalName,
      handlerOf(definition, methods),
    ]);
    server.addService(service, Object.fromEntries(handlers) as UntypedServiceImplementation);
  }
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, assigned) => {
      if (error) reject(error);
      else resolve(assigned);
    });
  });
  return { host: `127.0.0.1:${bound}`, port: bound, stop: async () => server.forceShutdown() };
}

function handlerOf({ originalName = '', path, requestStream }: MethodDefinition<object, object>, methods: Methods) {
  /** `reply` is missing where the response is a stream. */
  return async (call: ServerDuplexStream<never, object> & UnaryCall, reply?: sendUnaryData<object>) => {
    try {
      requireTime(call.getDeadline());
      const method = methods[originalName];
      if (!method) throw unimplemented(path);
      const response = await method(requestStream ? (call as never) : call.request, call);
      if (reply) reply(null, response as object);
      if (reply || requestStream) return;
      for (const message of response as Iterable<object>) call.write(message);
      call.end();
    } catch (error) {
      if (reply) reply(toRpcError(error));
      else call.emit('error', toRpcError(error));
    }
  };
}

/** Refuses a request whose time is up: grpc-js would execute it, and its client would not learn that. */
function requireTime(deadline: Date | number): void {
  if (Number(deadline) <= Date.now()) throw new RpcError(status.DEADLINE_EXCEEDED, 'The deadline has passed.');
}
