import { codeCachedRequire } from './runtime/codeCache.ts';

/** The entry of the deployed bundle: loads the functions with the code cache that the build has made. */
codeCachedRequire(import.meta.dirname, (file, _script, use) => {
  // Written by hand: importing the log would load its code before the cache.
  if (use === 'absent') return;
  const entry = { severity: 'DEBUG', event: 'code_cache', message: `Code cache of ${file}: ${use}` };
  process.stdout.write(`${JSON.stringify(entry)}\n`);
})('functions.cjs');
