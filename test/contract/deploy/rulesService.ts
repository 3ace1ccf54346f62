import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

interface Source {
  readonly files: readonly { readonly name: string; readonly content: string }[];
}

/** The part of Firebase's rules service that the deployment uses. */
export async function startRules() {
  const rulesets = new Map<string, { source: Source }>();
  const releases = new Map<string, { rulesetName: string }>();
  const server = createServer((request, response) => {
    void (async () => {
      const path = (request.url ?? '').replace('/v1/', '');
      const body = request.method === 'GET' ? {} : ((await json(request)) as Record<string, never>);
      if (path.endsWith('/rulesets')) {
        const name = `${path}/${rulesets.size}`;
        rulesets.set(name, { source: body['source'] as unknown as Source });
        response.end(JSON.stringify({ name }));
        return;
      }
      if (request.method === 'POST') releases.set(String(body['name']), { rulesetName: String(body['rulesetName']) });
      if (request.method === 'PATCH') releases.set(path, { rulesetName: String(body['release']?.['rulesetName']) });
      const found = releases.get(path) ?? rulesets.get(path) ?? (request.method === 'POST' ? {} : undefined);
      response.writeHead(found ? 200 : 404).end(JSON.stringify(found ?? {}));
    })();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host, rulesets, releases, close: async () => await new Promise((resolve) => server.close(resolve)) };
}
