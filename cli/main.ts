import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// Compiling the client libraries takes longer than most commands: it is done once, and before anything is imported.
enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/cli'));
await import('./program.ts');
