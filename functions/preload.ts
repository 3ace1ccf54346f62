import { realpathSync } from 'node:fs';
import http from 'node:http';
import { createRequire, Module } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * Loaded before the Functions Framework, by `NODE_OPTIONS` (`runtime/nodeOptions.ts`): takes the place of the module that
 * builds the Framework's application, which the project's listener replaces anyway (`http/functionsFramework.ts`). Express
 * and its middleware are a third of the processor time of a cold start (docs/design/0009-cold-start.md).
 *
 * A Framework without that module loads as usual.
 */
const main = realpathSync(process.argv[1] ?? '.');

if (main.endsWith('/functions-framework/build/src/main.js')) {
  const server = join(dirname(main), 'server.js');
  const exports = { getServer: () => http.createServer() };
  createRequire(main).cache[server] = Object.assign(new Module(server), { loaded: true, exports });
}
