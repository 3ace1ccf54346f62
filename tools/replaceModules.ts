import type { Plugin } from 'rolldown';

/**
 * Replaces modules of libraries that run at the start and that no function uses.
 *
 * @param sources the code in place of each module, by its path below `node_modules/`.
 * @throws {Error} at the end of the build, where a module was not bundled: the library has moved it, or does not load it.
 */
export function replaceModules(sources: Readonly<Record<string, string>>): Plugin {
  const replaced = new Set<string>();
  return {
    name: 'replace-modules',
    load(id) {
      const found = Object.entries(sources).find(([path]) =>
        id.replaceAll('\\', '/').endsWith(`/node_modules/${path}`),
      );
      if (found === undefined) return null;
      replaced.add(found[0]);
      return found[1];
    },
    buildEnd(error) {
      const unused = Object.keys(sources).filter((path) => !replaced.has(path));
      if (!error && unused.length > 0)
        throw new Error(`Modules to replace were not bundled: ${unused.join(', ')}. Update rolldown.config.ts.`);
    },
  };
}

/** Returns the code of a client without methods, in place of one that generated clients create but never call. */
export function emptyClient(name: string): string {
  return `exports.${name} = class { initialize() { return Promise.resolve(); } close() { return Promise.resolve(); } };`;
}
