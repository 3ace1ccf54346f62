import {
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { ServedService } from './grpc.ts';

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

export function unimplemented(what: string): RpcError {
  const instead = 'Run the official emulator: LOCAL_BACKENDS=official.';
  return new RpcError(status.UNIMPLEMENTED, `The embedded backend does not implement ${what}. ${instead}`);
}

/** Returns the error that a client receives. An unexpected one is a defect of the backend. */
export function toRpcError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  return new RpcError(status.INTERNAL, `The embedded backend failed: ${String(error)}`);
}

/** A method that returns its response, or all responses of a stream. One whose requests are a stream receives the call. */
export type Method = (request: never, call?: ServerUnaryCall<never, object>) => unknown;

/** Serves the methods under their names in the service; all others answer UNIMPLEMENTED with the method's path. */
export function implement(definition: ServiceDefinition, methods: Readonly<Record<string, Method>>): ServedService {
  const handlers = Object.values(definition).map(({ originalName = '', path, requestStream, responseStream }) => {
    const method = methods[originalName] ?? refuse(path);
    return [originalName, requestStream ? duplex(method) : responseStream ? stream(method) : unary(method)] as const;
  });
  return [definition, Object.fromEntries(handlers) as UntypedServiceImplementation];
}

function refuse(path: string): Method {
  return () => {
    throw unimplemented(path);
  };
}

function unary(method: Method): handleUnaryCall<never, object> {
  const answer = async (call: ServerUnaryCall<never, object>, reply: sendUnaryData<object>): Promise<void> => {
    try {
      requireTime(call.getDeadline());
      reply(null, (await method(call.request, call)) as object);
    } catch (error) {
      reply(toRpcError(error));
    }
  };
  return (call, reply) => void answer(call, reply);
}

function stream(method: Method): handleServerStreamingCall<never, object> {
  return (call) => {
    try {
      for (const message of method(call.request) as Iterable<object>) call.write(message);
      call.end();
    } catch (error) {
      call.emit('error', toRpcError(error));
    }
  };
}

function duplex(method: Method): handleBidiStreamingCall<never, object> {
  return (call) => {
    try {
      method(call as never);
    } catch (error) {
      call.emit('error', toRpcError(error));
    }
  };
}

/** Refuses a request whose time is up: grpc-js would execute it, and its client would not learn that. */
function requireTime(deadline: Date | number): void {
  if (Number(deadline) <= Date.now()) throw new RpcError(status.DEADLINE_EXCEEDED, 'The deadline has passed.');
}
