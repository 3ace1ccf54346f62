import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { line } from './plan.ts';
import type { Shell } from './shell.ts';

const ROOT = join(import.meta.dirname, '..');

/** What is uploaded, by gcloud's own judgement of `.gcloudignore`. */
const LIST = line('gcloud', 'meta', 'list-files-for-upload', '.');

/** A digest of everything that is uploaded: a function is deployed again where it has changed. */
export async function sourceDigest(shell: Shell): Promise<string> {
  const files = (await shell.require('The files to upload', LIST)).split('\n').filter((file) => file !== '');
  const hash = createHash('sha256');
  for (const file of files.toSorted())
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(ROOT, file)))
      .update('\0');
  return hash.digest('hex');
}
