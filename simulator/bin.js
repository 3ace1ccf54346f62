#!/usr/bin/env node
import { existsSync } from 'node:fs';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`Node.js ${process.versions.node} cannot run gemini-simulator. Install Node.js 22.18 or later.`);
  process.exit(1);
}

// A clone runs its TypeScript; the npm package ships JavaScript, because Node.js strips no types inside node_modules.
const isClone = existsSync(new URL('main.ts', import.meta.url));
await import(isClone ? './main.ts' : './dist/main.js');
