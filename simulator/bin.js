#!/usr/bin/env node
import { existsSync } from 'node:fs';

// A clone runs its TypeScript; the npm package ships JavaScript, because Node.js strips no types inside node_modules.
const isClone = existsSync(new URL('main.ts', import.meta.url));
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  const advice = isClone
    ? 'Run: npm ci && npx ./simulator (npm ci installs Node.js 24)'
    : 'Install Node.js 22.18 or later.';
  fail(`Node.js ${process.versions.node} cannot run gemini-simulator. ${advice}`);
}

try {
  await import(isClone ? './main.ts' : './dist/main.js');
} catch (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND' || !isClone) throw error;
  fail('The dependencies are not installed. Run: npm ci');
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
