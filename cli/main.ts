import { enableCompileCache } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Compiling the client libraries takes longer than most commands: it is done once, and before anything is imported.
enableCompileCache(join(tmpdir(), 'gemini-callbacks-compile-cache'));
await import('./program.ts');
