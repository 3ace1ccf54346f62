import { realpathSync } from 'node:fs';
import http from 'node:http';
import { createRequire, Module } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * Runs before the Functions Framework, by `NODE_OPTIONS` (`runtime/nodeOptions.ts`), and replaces the module that builds
 * its Express application. The project's own listener serves all requests (`http/functionsFramework.ts`), and Express
 * takes a third of the processor time of a cold start (docs/design/0009-cold-start.md).
 *
 * A Framework without that module loads as usual.
 */
const main = realpathSync(process.argv[1] ?? '.');

if (main.endsWith('/functions-framework/build/src/main.js')) {
  const server = join(dirname(main), 'server.js');
  const exports = { getServer: () => http.createServer() };
  createRequire(main).cache[server] = Object.assign(new Module(server), { loaded: true, exports });
}
