import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { constants, Script } from 'node:vm';

/** `unused` where V8 refuses the cache: it was made by another version of Node.js or with other flags. */
type CacheUse = 'used' | 'unused' | 'absent';

/** Called for each file that is loaded, before it runs. */
type OnLoad = (file: string, script: Script, use: CacheUse) => void;

/** Returns the path of the code cache of a bundled file. */
export function codeCacheOf(file: string): string {
  return `${file}.cache`;
}

/**
 * Returns a `require` for bundled files that uses V8's code cache beside each, and compiles as usual where there is none.
 *
 * Node.js' own compile cache holds what V8 compiles before a module runs. These caches are made after a training run
 * (`trainCodeCache.ts`), so they also hold the functions that the first request calls (docs/design/0009-cold-start.md).
 */
export function codeCachedRequire(directory: string, onLoad: OnLoad): (file: string) => unknown {
  const modules = new Map<string, { exports: unknown }>();
  const load = (file: string): unknown => {
    const known = modules.get(file);
    if (known !== undefined) return known.exports;
    const module = { exports: {} };
    modules.set(file, module);
    const path = join(directory, file);
    const external = createRequire(path);
    const require = (id: string): unknown => (id.startsWith('./') ? load(basename(id)) : external(id));
    const { script, use } = compile(path);
    onLoad(path, script, use);
    const run = script.runInThisContext() as (...parts: readonly unknown[]) => void;
    run(module.exports, Object.assign(require, external), module, path, dirname(path));
    return module.exports;
  };
  return load;
}

function compile(path: string): { readonly script: Script; readonly use: CacheUse } {
  const cache = codeCacheOf(path);
  const cachedData = existsSync(cache) ? readFileSync(cache) : undefined;
  const script = new Script(
    `(function(exports,require,module,__filename,__dirname){${readFileSync(path, 'utf8')}\n})`,
    {
      filename: path,
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
      ...(cachedData ? { cachedData } : {}),
    },
  );
  if (cachedData === undefined) return { script, use: 'absent' };
  return { script, use: script.cachedDataRejected === true ? 'unused' : 'used' };
}
