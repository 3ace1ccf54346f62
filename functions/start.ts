import { createRequire } from 'node:module';
import { join } from 'node:path';
import { useBuiltCompileCache } from './runtime/compileCache.ts';

/** The entry of the deployed bundle: enables the compile cache before the functions' code is loaded. */
useBuiltCompileCache(join(import.meta.dirname, 'compile-cache'));
createRequire(import.meta.url)('./functions.cjs');
