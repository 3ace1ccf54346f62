import { type handleUnaryCall, type ServerUnaryCall, status } from '@grpc/grpc-js';
import { invalidArgument, RpcError } from './errors.ts';

/** Makes a gRPC method of a function that returns the response or throws an {@link RpcError}. */
export function unary<Request, Response>(
  handle: (request: Request, call: ServerUnaryCall<Request, Response>) => Response | Promise<Response>,
): handleUnaryCall<Request, Response> {
  const respond: (...args: Parameters<handleUnaryCall<Request, Response>>) => Promise<void> = async (
    call,
    callback,
  ) => {
    try {
      callback(null, await handle(call.request, call));
    } catch (error) {
      callback(error instanceof RpcError ? error : new RpcError(status.INTERNAL, String(error)));
    }
  };
  return (call, callback) => void respond(call, callback);
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
