import { json } from 'node:stream/consumers';
import { sendJson, serveHttp } from '../../support/server.ts';

interface Source {
  readonly files: readonly { readonly name: string; readonly content: string }[];
}

/** The part of Firebase's rules service that the deployment uses. */
export async function startRules() {
  const rulesets = new Map<string, { source: Source }>();
  const releases = new Map<string, { rulesetName: string }>();
  const { host, close } = await serveHttp(async (request, response) => {
    const path = (request.url ?? '').replace('/v1/', '');
    const body = request.method === 'GET' ? {} : ((await json(request)) as Record<string, never>);
    if (path.endsWith('/rulesets')) {
      const name = `${path}/${rulesets.size}`;
      rulesets.set(name, { source: body['source'] as unknown as Source });
      return sendJson(response, 200, { name });
    }
    if (request.method === 'POST') releases.set(String(body['name']), { rulesetName: String(body['rulesetName']) });
    if (request.method === 'PATCH') releases.set(path, { rulesetName: String(body['release']?.['rulesetName']) });
    const found = releases.get(path) ?? rulesets.get(path) ?? (request.method === 'POST' ? {} : undefined);
    sendJson(response, found ? 200 : 404, found ?? {});
  });
  return { host, rulesets, releases, close };
}
