import { codeCachedRequire } from './runtime/codeCache.ts';

/** The entry of the deployed bundle: loads the functions with the code cache that the build has made. */
codeCachedRequire(import.meta.dirname, (file, _script, use) => {
  // Apart from the log's catalogue, which is part of the code that the cache is for.
  if (use === 'absent') return;
  const entry = { severity: 'DEBUG', event: 'code_cache', message: `Code cache of ${file}: ${use}` };
  process.stdout.write(`${JSON.stringify(entry)}\n`);
})('functions.cjs');
