import { status } from '@grpc/grpc-js';

/** A refusal, with the gRPC status that the client receives. */
export class StatusError extends Error {
  readonly code: status;
  readonly details: string;

  constructor(code: status, message: string) {
    super(message);
    this.code = code;
    this.details = message;
  }
}

export function invalid(message: string): StatusError {
  return new StatusError(status.INVALID_ARGUMENT, message);
}

export function unimplemented(feature: string): StatusError {
  return new StatusError(status.UNIMPLEMENTED, `The embedded Firestore does not implement ${feature}.`);
}

/** A failure as grpc-js sends it. An unexpected one is a defect of the stand-in. */
export function statusOf(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  return new StatusError(status.INTERNAL, `The embedded Firestore failed: ${String(error)}`);
}
