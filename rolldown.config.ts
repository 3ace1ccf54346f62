import { defineConfig } from 'rolldown';
import { pruneDefinitions } from './tools/pruneDefinitions.ts';
import { emptyClient, replaceModules } from './tools/replaceModules.ts';

/** The services that the functions call, by the package that defines them. */
const SERVICES = {
  'firestore-api': 'google.firestore.v1.Firestore',
  'pubsub-api': 'google.pubsub.v1.Publisher',
};

const NO_DESCRIPTORS = `
  const { Enum, Root, Type } = require('../..');
  const descriptor = { file: [], $type: { toObject: () => ({}) } };
  for (const each of [Enum, Root, Type]) each.prototype.toDescriptor = () => descriptor;`;

/** Clients of services that no function calls, and a class for every message, which the clients do not use. */
const UNUSED = {
  'google-gax/build/src/locationService.js': emptyClient('LocationsClient'),
  'google-gax/build/src/iamService.js': emptyClient('IamClient'),
  'google-gax/build/protos/iam_service.js': '',
  'google-gax/build/protos/locations.js': '',
  'google-gax/build/protos/operations.js': '',
  '@google-cloud/firestore-api/build/protos/protos.js': '',
  // Descriptors for reflection, which no client reads: proto-loader makes one for every message.
  'protobufjs/ext/descriptor/index.js': NO_DESCRIPTORS,
  // Classes for pipelines and bundles of queries.
  '@google-cloud/firestore/build/protos/firestore_v1_proto_api.js': 'exports.google = { firestore: { v1: {} } };',
  '@google-cloud/firestore-api/build/src/v1/firestore_admin_client.js': emptyClient('FirestoreAdminClient'),
};

const output = {
  dir: 'dist',
  format: 'cjs',
  minify: true,
  entryFileNames: '[name].cjs',
  chunkFileNames: '[name].cjs',
} as const;

/**
 * One file starts faster than hundreds; code that only some functions need is in separate files, loaded when needed.
 * The Functions Framework stays outside, because its registry is shared (docs/design/0006-bundle-pruning.md). The entry is
 * a separate bundle, which loads the functions with their code cache; so is what is loaded before the Framework.
 */
export default defineConfig([
  {
    input: { functions: 'functions/index.ts' },
    platform: 'node',
    external: ['@google-cloud/functions-framework'],
    plugins: [pruneDefinitions(SERVICES), replaceModules(UNUSED)],
    output: { ...output, cleanDir: true },
  },
  { input: { index: 'functions/start.ts', preload: 'functions/preload.ts' }, platform: 'node', output },
]);
