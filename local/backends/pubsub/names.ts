import { status } from '@grpc/grpc-js';
import { pageOf, type PageRequest } from '../page.ts';
import { invalid, RpcError } from '../rpc.ts';

const ID = /^(?!goog)[A-Za-z][\w.~+%-]{2,254}$/;

/** The parts of a resource's whole name, `projects/PROJECT/topics/ID`. */
export function parseName(name: string): { readonly project: string; readonly id: string } {
  const [, project = '', , id = name] = name.split('/');
  return { project, id };
}

/** @throws RpcError INVALID_ARGUMENT for a name that is not a resource's whole name. */
export function checkName(name: string, collection = name.split('/')[2] ?? ''): void {
  const { project, id } = parseName(name);
  if (project && ID.test(id) && name === `projects/${project}/${collection}/${id}`) return;
  throw invalid(
    `Invalid resource name: ${name}. Expected projects/PROJECT/${collection || 'COLLECTION'}/ID, where ID has 3 to 255 ` +
      'of the characters A-Z, a-z, 0-9 and -_.~+%, starts with a letter and not with "goog".',
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

/** @throws RpcError NOT_FOUND, or INVALID_ARGUMENT for a name that no resource can have. */
export function find<Resource>(resources: ReadonlyMap<string, Resource>, name: string): Resource {
  const resource = resources.get(name);
  if (resource) return resource;
  checkName(name);
  throw notFound(name);
}

/** A request for one page of a project's resources. */
export interface ListRequest extends PageRequest {
  readonly project: string;
}

/** Returns a page of the resources of a project. */
export function listOf<Item extends { readonly name: string }>(items: Iterable<Item>, request: ListRequest) {
  const ofProject = [...items].filter(({ name }) => name.startsWith(`${request.project}/`));
  return pageOf<Item>(ofProject, request);
}
