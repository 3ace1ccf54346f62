import { Status } from 'google-gax';

export { Status };

/** Returns the gRPC status with which a client library failed; `undefined` for any other error. */
export function grpcStatusOf(error: unknown): number | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'number' && code in Status ? code : undefined;
}

export function isStatus(error: unknown, status: Status): boolean {
  return grpcStatusOf(error) === (status as number);
}

const CONTENTION: ReadonlySet<number | undefined> = new Set([
  Status.ALREADY_EXISTS,
  Status.FAILED_PRECONDITION,
  Status.ABORTED,
]);

/** Returns true where another writer was faster: the record must be read and decided again. */
export function isContention(error: unknown): boolean {
  return CONTENTION.has(grpcStatusOf(error));
}

const TRANSIENT: ReadonlySet<number | undefined> = new Set([
  Status.CANCELLED,
  Status.UNKNOWN,
  Status.DEADLINE_EXCEEDED,
  Status.RESOURCE_EXHAUSTED,
  Status.ABORTED,
  Status.INTERNAL,
  Status.UNAVAILABLE,
]);

/** Returns true for the statuses of failures that are not the request's fault. */
export function isTransientStatus(status: number): boolean {
  return TRANSIENT.has(status);
}
