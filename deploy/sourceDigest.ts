import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { line } from './line.ts';
import { ROOT, type Shell } from './shell.ts';

/** Lists the files to upload: gcloud applies `.gcloudignore`. */
const LIST = line('gcloud', 'meta', 'list-files-for-upload', '.');

/** Returns a digest of every uploaded file, as 16 hex digits; a changed digest causes a build. */
export async function sourceDigest(shell: Shell): Promise<string> {
  const files = (await shell.require('list of files to upload', LIST)).split('\n').filter((file) => file !== '');
  const hash = createHash('sha256');
  for (const file of files.toSorted())
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(ROOT, file)))
      .update('\0');
  return hash.digest('hex').slice(0, 16);
}
