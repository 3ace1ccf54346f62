/** gRPC status codes, as the client libraries give them in `error.code`: https://grpc.io/docs/guides/status-codes/. */
const ALREADY_EXISTS = 6;
const FAILED_PRECONDITION = 9;
const ABORTED = 10;

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

export function isAlreadyExists(error: unknown): boolean {
  return codeOf(error) === ALREADY_EXISTS;
}

export function isFailedPrecondition(error: unknown): boolean {
  return codeOf(error) === FAILED_PRECONDITION;
}

/** Somebody else was quicker: what was read is no longer so. Read again and decide again. */
export function isContention(error: unknown): boolean {
  return [ALREADY_EXISTS, FAILED_PRECONDITION, ABORTED].includes(Number(codeOf(error)));
}
