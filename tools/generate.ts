import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { format } from 'prettier';
import { generatedFiles as schemaFiles } from '../schemas/files.ts';
import { commandLinePage } from './pages/commandLine.ts';
import { configurationPage } from './pages/configuration.ts';

const ROOT = join(import.meta.dirname, '..');

/** Everything that is generated and checked in, by path from the root of the repository. */
export async function generatedFiles(): Promise<ReadonlyMap<string, string>> {
  const page = async (text: string) => await format(text, { parser: 'markdown', printWidth: 120 });
  return new Map([
    ...(await schemaFiles()),
    ['docs/configuration.md', await page(configurationPage())],
    ['docs/cli.md', await page(await commandLinePage())],
  ]);
}

if (import.meta.main) {
  for (const [path, text] of await generatedFiles()) {
    mkdirSync(dirname(join(ROOT, path)), { recursive: true });
    writeFileSync(join(ROOT, path), text);
    console.log(path);
  }
}
