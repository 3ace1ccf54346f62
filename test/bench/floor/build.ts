import { join } from 'node:path';
import { build } from 'rolldown';
import { pruneDefinitions } from '../../../tools/pruneDefinitions.ts';

const FOLDER = join(import.meta.dirname, '../../../node_modules/.cache/bench/floor');

const SERVICES = {
  callback: { 'firestore-api': 'google.firestore.v1.Firestore', 'pubsub-api': 'google.pubsub.v1.Publisher' },
  fetchResults: { 'pubsub-api': 'google.pubsub.v1.Publisher' },
};

/** Bundles one of the floors into a file, with its definitions pruned: it starts as the deployed functions do. */
export async function buildFloor(name: keyof typeof SERVICES): Promise<string> {
  const file = join(FOLDER, `${name}.cjs`);
  await build({
    input: join(import.meta.dirname, `${name}.ts`),
    platform: 'node',
    plugins: [pruneDefinitions(SERVICES[name])],
    output: { file, format: 'cjs', minify: true },
    logLevel: 'warn',
  });
  return file;
}
