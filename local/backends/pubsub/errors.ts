import { status } from '@grpc/grpc-js';

/** A gRPC status that a method answers with. */
export class RpcError extends Error {
  readonly code: status;

  constructor(code: status, message: string) {
    super(message);
    this.code = code;
  }
}

export function invalidArgument(message: string): RpcError {
  return new RpcError(status.INVALID_ARGUMENT, message);
}

/** @param name a resource's whole name, `projects/P/topics/T`. */
export function notFound(name: string): RpcError {
  const [, , , id = name] = name.split('/');
  return new RpcError(status.NOT_FOUND, `Resource not found (resource=${id}).`);
}

/** @param name a resource's whole name, `projects/P/topics/T`. */
export function alreadyExists(name: string): RpcError {
  const [, , , id = name] = name.split('/');
  return new RpcError(status.ALREADY_EXISTS, `Resource already exists in the project (resource=${id}).`);
}

export function unimplemented(what: string): RpcError {
  const instead = 'Run the official emulator: LOCAL_BACKENDS=official.';
  return new RpcError(status.UNIMPLEMENTED, `The embedded Pub/Sub does not implement ${what}. ${instead}`);
}
