import { status } from '@grpc/grpc-js';
import { invalid, RpcError } from '../rpc.ts';

const ID = /^(?!goog)[A-Za-z][\w.~+%-]{2,254}$/;

/** The parts of a resource's whole name, `projects/PROJECT/topics/ID`. */
export function parseName(name: string): { readonly project: string; readonly id: string } {
  const [, project = '', , id = name] = name.split('/');
  return { project, id };
}

/** @throws RpcError INVALID_ARGUMENT for a name that is not a resource's whole name. */
export function checkName(name: string, collection: 'topics' | 'subscriptions'): void {
  const { project, id } = parseName(name);
  if (project && ID.test(id) && name === `projects/${project}/${collection}/${id}`) return;
  throw invalid(
    `Invalid resource name: ${name}. Expected projects/PROJECT/${collection}/ID, where ID has 3 to 255 of the ` +
      'characters A-Z, a-z, 0-9 and -_.~+%, starts with a letter and not with "goog".',
  );
}

export function notFound(name: string): RpcError {
  return new RpcError(status.NOT_FOUND, `Resource not found (resource=${parseName(name).id}).`);
}

export function alreadyExists(name: string): RpcError {
  return new RpcError(
    status.ALREADY_EXISTS,
    `Resource already exists in the project (resource=${parseName(name).id}).`,
  );
}

/** @throws RpcError NOT_FOUND */
export function find<Resource>(resources: ReadonlyMap<string, Resource>, name: string): Resource {
  const resource = resources.get(name);
  if (!resource) throw notFound(name);
  return resource;
}

const DEFAULT_PAGE_SIZE = 100;

/** A request for one page of a project's resources. */
export interface ListRequest {
  readonly project: string;
  readonly pageSize: number;
  readonly pageToken: string;
}

/**
 * Returns one page of a list; the token is the position where the next page starts.
 *
 * @throws RpcError INVALID_ARGUMENT
 */
export function pageOf<Item>(items: readonly Item[], { pageSize, pageToken }: Omit<ListRequest, 'project'>) {
  if (!/^\d{0,9}$/.test(pageToken)) throw invalid('The page token is not one that a list has returned.');
  const from = Number(pageToken);
  const to = from + (pageSize || DEFAULT_PAGE_SIZE);
  return { items: items.slice(from, to), nextPageToken: to < items.length ? String(to) : '' };
}

/** Returns a page of the resources of a project. */
export function listOf<Item extends { readonly name: string }>(items: Iterable<Item>, request: ListRequest) {
  return pageOf(
    [...items].filter(({ name }) => name.startsWith(`${request.project}/`)),
    request,
  );
}
