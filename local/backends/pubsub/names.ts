import { invalidArgument } from './errors.ts';

const ID = /^(?!goog)[A-Za-z][\w.~+%-]{2,254}$/;

/**
 * Checks a resource's whole name.
 *
 * @throws {RpcError} INVALID_ARGUMENT.
 */
export function checkName(name: string, collection: 'topics' | 'subscriptions'): void {
  const [projects, project, found, id = '', ...rest] = name.split('/');
  const isValid = projects === 'projects' && project && found === collection && rest.length === 0 && ID.test(id);
  if (isValid) return;
  throw invalidArgument(
    `Invalid resource name: ${name}. Expected projects/PROJECT/${collection}/ID, where ID has 3 to 255 of the ` +
      'characters A-Z, a-z, 0-9 and -_.~+%, starts with a letter and not with "goog".',
  );
}

/** @returns `projects/PROJECT` of a resource's whole name. */
export function projectOf(name: string): string {
  return name.split('/', 2).join('/');
}
