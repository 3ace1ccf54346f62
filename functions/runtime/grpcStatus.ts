import { Status } from 'google-gax';

export { Status };

/** Returns the gRPC status with which a client library failed; `undefined` for any other error. */
export function grpcStatusOf(error: unknown): Status | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'number' && code in Status ? code : undefined;
}

export function isStatus(error: unknown, status: Status): boolean {
  return grpcStatusOf(error) === status;
}

const CONTENTION: ReadonlySet<Status | undefined> = new Set([
  Status.ALREADY_EXISTS,
  Status.FAILED_PRECONDITION,
  Status.ABORTED,
]);

/** Returns true where another writer was faster: the record must be read and decided again. */
export function isContention(error: unknown): boolean {
  return CONTENTION.has(grpcStatusOf(error));
}

const TRANSIENT: ReadonlySet<Status | undefined> = new Set([
  Status.CANCELLED,
  Status.DEADLINE_EXCEEDED,
  Status.RESOURCE_EXHAUSTED,
  Status.ABORTED,
  Status.INTERNAL,
  Status.UNAVAILABLE,
]);

/** Returns true for the statuses of failures that are not the request's fault. */
export function isTransientStatus(status: Status | undefined): boolean {
  return TRANSIENT.has(status);
}
