import { existsSync, readdirSync, symlinkSync } from 'node:fs';
import { enableCompileCache, getCompileCacheDir } from 'node:module';
import { join } from 'node:path';
import { cachedDataVersionTag } from 'node:v8';

/**
 * Uses the compile cache that `gcp-build` has written, and does nothing where there is none.
 *
 * Node.js names the cache's folder after its version, the user and a tag that also covers features of the processor,
 * which may differ between the machine that builds and the machine that runs. V8 itself checks version and flags only, so
 * a link under the expected name makes the cache usable; where it is not, V8 ignores it and compiles as usual
 * (docs/platform.md 10.7).
 */
export function useBuiltCompileCache(directory: string): void {
  if (!existsSync(directory)) return;
  try {
    link(directory);
    enableCompileCache({ directory, portable: true });
  } catch {
    // A file system without links, for example: the functions start without the cache.
  }
  // Apart from the log's catalogue, which is part of the code that the cache is for.
  const used = getCompileCacheDir() ?? 'none';
  process.stdout.write(
    `${JSON.stringify({ severity: 'DEBUG', event: 'compile_cache', message: `Compile cache: ${used}` })}\n`,
  );
}

function link(directory: string): void {
  const platform = `${process.version}-${process.arch}-`;
  const tag = cachedDataVersionTag().toString(16).padStart(8, '0');
  const expected = join(directory, `${platform}${tag}-${process.getuid?.()}`);
  const built = readdirSync(directory).find((name) => name.startsWith(platform));
  if (built !== undefined && !existsSync(expected)) symlinkSync(built, expected);
}
