import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';

/** A folder where packages resolve and nothing is checked in. */
const FOLDER = join(import.meta.dirname, '../../node_modules/.cache/bench');

/**
 * One of the straightforward versions as it is deployed: without types, for to strip them at the start would cost it
 * time and memory that the project does not pay.
 */
export function straightforward(name: 'callback' | 'fetchResults' | 'empty'): string {
  const source = readFileSync(join(import.meta.dirname, 'straightforward', `${name}.ts`), 'utf8');
  const file = join(FOLDER, `${name}.mjs`);
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(file, stripTypeScriptTypes(source));
  return file;
}
