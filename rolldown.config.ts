import { defineConfig, type Plugin } from 'rolldown';

/** What the functions call, of everything that Google's libraries define. */
const SERVICES = ['google.firestore.v1.Firestore', 'google.pubsub.v1.Publisher'];

interface Namespace {
  readonly nested?: Readonly<Record<string, Namespace>>;
  readonly fields?: Readonly<Record<string, Field>>;
  readonly methods?: Readonly<Record<string, { readonly requestType: string; readonly responseType: string }>>;
}

interface Field {
  readonly type: string;
  readonly keyType?: string;
}

/**
 * Leaves out of a library's protocol definitions what no service of ours can reach.
 *
 * All of them are parsed, resolved and turned into descriptors when a client is made, which is a good part of a cold
 * start; Firestore's administration is more than half of its definitions.
 */
function pruneDefinitions(): Plugin {
  return {
    name: 'prune-definitions',
    transform: {
      filter: { id: /[\\/](firestore|pubsub)-api[\\/]build[\\/]protos[\\/]protos\.json$/ },
      handler: (code) => JSON.stringify(pruned(JSON.parse(code) as Namespace)),
    },
  };
}

function pruned(root: Namespace): Namespace {
  const kept = new Set<string>();
  const waiting = [...SERVICES];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const found = find(root, name);
    if (found === undefined || kept.has(name)) continue;
    kept.add(name);
    const methods = Object.values(found.methods ?? {}).flatMap(({ requestType, responseType }) => [
      requestType,
      responseType,
    ]);
    const fields = Object.values(found.fields ?? {}).map(({ type }) => type);
    const inside = Object.keys(found.nested ?? {}).map((child) => `${name}.${child}`);
    waiting.push(...inside, ...[...methods, ...fields].flatMap((type) => resolve(root, name, type) ?? []));
  }
  return only(root, '', kept);
}

/** As protocol buffers do: from the innermost scope outwards. */
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

/** Extensions of options are kept: the definitions of services name them. */
function only(scope: Namespace, path: string, kept: ReadonlySet<string>): Namespace {
  if (scope.nested === undefined) return scope;
  const entries = Object.entries(scope.nested).filter(([name, child]) => {
    const full = path === '' ? name : `${path}.${name}`;
    const isType = child.fields !== undefined || child.methods !== undefined || 'values' in child;
    return isType ? kept.has(full) : [...kept].some((one) => one.startsWith(`${full}.`));
  });
  const nested = entries.map(([name, child]) => [name, only(child, path === '' ? name : `${path}.${name}`, kept)]);
  return { ...scope, nested: Object.fromEntries(nested) as Record<string, Namespace> };
}

/** A client that generated clients make for themselves, of a service that nobody calls. */
const clientOf = (name: string) =>
  `exports.${name} = class { initialize() { return Promise.resolve(); } close() { return Promise.resolve(); } };`;

/**
 * Parts of the libraries that run at the start and that no function uses, and what stands in their place: clients of other
 * services, and classes for every message beside the definitions, which alone are used.
 */
const UNUSED: Readonly<Record<string, string>> = {
  'google-gax/build/src/locationService.js': clientOf('LocationsClient'),
  'google-gax/build/src/iamService.js': clientOf('IamClient'),
  'google-gax/build/protos/iam_service.js': '',
  'google-gax/build/protos/locations.js': '',
  'google-gax/build/protos/operations.js': '',
  '@google-cloud/firestore-api/build/protos/protos.js': '',
  // Classes for pipelines and bundles of queries.
  '@google-cloud/firestore/build/protos/firestore_v1_proto_api.js': 'exports.google = { firestore: { v1: {} } };',
  '@google-cloud/firestore-api/build/src/v1/firestore_admin_client.js': clientOf('FirestoreAdminClient'),
};

function leaveOutUnused(): Plugin {
  const codeOf = (id: string) =>
    Object.entries(UNUSED).find(([path]) => id.replaceAll('\\', '/').endsWith(`/node_modules/${path}`))?.[1];
  return { name: 'leave-out-unused', load: (id) => codeOf(id) ?? null };
}

const output = {
  dir: 'dist',
  format: 'cjs',
  minify: true,
  entryFileNames: '[name].cjs',
  chunkFileNames: '[name].cjs',
} as const;

/**
 * One file starts faster than hundreds; code that only some functions need is in files of its own, loaded when needed.
 * The Framework stays outside, because the registry of functions must be its own. The entry is a separate bundle: it
 * enables the compile cache before anything else is loaded.
 */
export default defineConfig([
  {
    input: { functions: 'functions/index.ts' },
    platform: 'node',
    external: ['@google-cloud/functions-framework'],
    plugins: [pruneDefinitions(), leaveOutUnused()],
    output: { ...output, cleanDir: true },
  },
  { input: { index: 'functions/start.ts' }, platform: 'node', output },
]);
