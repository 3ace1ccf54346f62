import type { Plugin } from 'rolldown';

/** Part of a library's protocol definitions, as protobufjs writes them in JSON. */
export interface Namespace {
  readonly nested?: Readonly<Record<string, Namespace>>;
  readonly fields?: Readonly<Record<string, { readonly type: string; readonly keyType?: string }>>;
  readonly methods?: Readonly<Record<string, { readonly requestType: string; readonly responseType: string }>>;
  readonly values?: Readonly<Record<string, number>>;
}

/**
 * Removes the protocol definitions that no service in use can reach.
 *
 * A client parses and resolves all of its library's definitions when it is created, which is a large part of a cold start;
 * Firestore's administration is more than half of them (docs/design/0006-bundle-pruning.md).
 *
 * @param services the full names of the services in use, by the package that defines them.
 * @throws {Error} at the end of the build, where a package's definitions were not bundled; and where they do not have
 *   the service.
 */
export function pruneDefinitions(services: Readonly<Record<string, string>>): Plugin {
  const pruned = new Set<string>();
  return {
    name: 'prune-definitions',
    transform: {
      filter: { id: /[\\/]build[\\/]protos[\\/]protos\.json$/ },
      handler(code, id) {
        const found = Object.entries(services).find(([name]) => id.replaceAll('\\', '/').includes(`/${name}/build/`));
        if (found === undefined) return null;
        const [name, service] = found;
        pruned.add(name);
        return JSON.stringify(reachableFrom(service, JSON.parse(code) as Namespace));
      },
    },
    buildEnd(error) {
      const missing = Object.keys(services).filter((name) => !pruned.has(name));
      if (!error && missing.length > 0)
        throw new Error(`No definitions of ${missing.join(', ')} were bundled: update tools/pruneDefinitions.ts.`);
    },
  };
}

/** Returns the definitions that a service needs: its own, those of its messages, and those of their fields. */
export function reachableFrom(service: string, root: Namespace): Namespace {
  if (find(root, service)?.methods === undefined) throw new Error(`The definitions have no service ${service}.`);
  const kept = new Set<string>();
  const waiting = [service];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const found = find(root, name);
    if (found === undefined || kept.has(name)) continue;
    kept.add(name);
    const methods = Object.values(found.methods ?? {}).flatMap(({ requestType, responseType }) => [
      requestType,
      responseType,
    ]);
    const fields = Object.values(found.fields ?? {}).map(({ type }) => type);
    const children = Object.keys(found.nested ?? {}).map((child) => `${name}.${child}`);
    waiting.push(...children, ...[...methods, ...fields].flatMap((type) => resolve(root, name, type) ?? []));
  }
  return only(root, '', kept);
}

/** Resolves a type's name as protocol buffers do: from the innermost scope outwards. */
function resolve(root: Namespace, from: string, type: string): string | undefined {
  if (type.startsWith('.')) return type.slice(1);
  for (let scope = from; ; scope = scope.slice(0, Math.max(0, scope.lastIndexOf('.')))) {
    const name = scope === '' ? type : `${scope}.${type}`;
    if (find(root, name) !== undefined) return name;
    if (scope === '') return undefined;
  }
}

function find(root: Namespace, name: string): Namespace | undefined {
  return name.split('.').reduce<Namespace | undefined>((scope, part) => scope?.nested?.[part], root);
}

/** Extensions of options are kept, because the definitions of services name them. */
function only(scope: Namespace, path: string, kept: ReadonlySet<string>): Namespace {
  if (scope.nested === undefined) return scope;
  const nested = Object.entries(scope.nested).flatMap(([name, child]) => {
    const full = path === '' ? name : `${path}.${name}`;
    const isType = child.fields !== undefined || child.methods !== undefined || child.values !== undefined;
    const isKept = isType ? kept.has(full) : [...kept].some((one) => one.startsWith(`${full}.`));
    return isKept ? [[name, only(child, full, kept)] as const] : [];
  });
  return { ...scope, nested: Object.fromEntries(nested) };
}
