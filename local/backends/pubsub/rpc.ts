import { type handleUnaryCall, type ServerUnaryCall, status } from '@grpc/grpc-js';
import { invalidArgument, RpcError } from './errors.ts';

type Handle<Request, Response> = (
  request: Request,
  call: ServerUnaryCall<Request, Response>,
) => Response | Promise<Response>;

/** Makes a gRPC method of a function that returns the response or throws an {@link RpcError}. */
export function unary<Request, Response>(handle: Handle<Request, Response>): handleUnaryCall<Request, Response> {
  const respond = async (...[call, callback]: Parameters<handleUnaryCall<Request, Response>>): Promise<void> => {
    try {
      checkDeadline(call.getDeadline());
      callback(null, await handle(call.request, call));
    } catch (error) {
      callback(error instanceof RpcError ? error : new RpcError(status.INTERNAL, String(error)));
    }
  };
  return (call, callback) => void respond(call, callback);
}

/** Refuses a request whose time is up: grpc-js would execute it, and its client would not learn that. */
function checkDeadline(deadline: Date | number): void {
  if (Number(deadline) <= Date.now()) throw new RpcError(status.DEADLINE_EXCEEDED, 'The deadline has passed.');
}

const DEFAULT_PAGE_SIZE = 100;

/**
 * Returns one page of a list; the token is the position where the next page starts.
 *
 * @throws {RpcError} INVALID_ARGUMENT
 */
export function page<Item>(
  items: readonly Item[],
  { pageSize, pageToken }: { pageSize?: number | null; pageToken?: string | null },
): { items: Item[]; nextPageToken: string } {
  if (!/^\d{0,9}$/.test(pageToken ?? '')) throw invalidArgument('The page token is not one that a list has returned.');
  const from = Number(pageToken ?? 0);
  const to = from + (pageSize || DEFAULT_PAGE_SIZE);
  return { items: items.slice(from, to), nextPageToken: to < items.length ? String(to) : '' };
}
