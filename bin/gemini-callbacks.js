#!/usr/bin/env node
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Runs the command line: from its sources in a clone, from the built files in an installed package. */

const MIN_MAJOR = 24;
const pathOf = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

const source = pathOf('cli/main.ts');
const entry = existsSync(source) ? source : pathOf('dist-cli/main.mjs');
const localNode = pathOf('node_modules/node/bin/node');

if (Number.parseInt(process.versions.node, 10) >= MIN_MAJOR) {
  await import(pathToFileURL(entry).href);
} else if (existsSync(localNode)) {
  // A clone has its own Node.js. Ctrl-C reaches it too, and it decides the end.
  process.on('SIGINT', () => {});
  const child = spawn(localNode, [entry, ...process.argv.slice(2)], { stdio: 'inherit' });
  child.on('exit', (code, signal) => process.exit(signal ? 1 : code));
} else {
  process.stderr.write(
    `error: gemini-callbacks needs Node.js ${MIN_MAJOR} or later, and this is ${process.version}. Install it from https://nodejs.org\n`,
  );
  process.exitCode = 1;
}
