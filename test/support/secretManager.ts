import type { IncomingMessage, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { sendJson, serveHttp } from './server.ts';

/** The part of Secret Manager's REST surface that the command line uses; Google has no emulator of it. */
export interface SecretManager {
  /** `host:port`. */
  readonly host: string;
  /** The contents of each secret's versions, oldest first. */
  readonly secrets: Map<string, string[]>;
  /** Refuses new versions. */
  refusesVersions: boolean;
  close(): Promise<void>;
}

export async function startSecretManager(): Promise<SecretManager> {
  const secrets = new Map<string, string[]>();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const send = (status: number, body: object) => sendJson(response, status, body);
    const fail = (code: number, status: string) => send(code, { error: { code, status, message: status } });
    const url = new URL(request.url ?? '', 'http://localhost');
    const path = decodeURIComponent(url.pathname).replace('/v1/', '');
    const name = path.replace(/(\/versions\/[\w-]+:access|:addVersion)$/, '');
    const versions = secrets.get(name);
    if (path.endsWith('/secrets') && request.method === 'POST') {
      const created = `${path}/${url.searchParams.get('secretId')}`;
      if (secrets.has(created)) return fail(409, 'ALREADY_EXISTS');
      secrets.set(created, []);
      return send(200, { name: created });
    }
    if (path.endsWith(':access')) {
      const data = versions?.at(-1);
      if (data === undefined) return fail(404, 'NOT_FOUND');
      return send(200, { name: `${name}/versions/1`, payload: { data: Buffer.from(data).toString('base64') } });
    }
    if (versions === undefined) return fail(404, 'NOT_FOUND');
    if (manager.refusesVersions) return fail(403, 'PERMISSION_DENIED');
    const { payload } = (await json(request)) as { payload: { data: string } };
    versions.push(Buffer.from(payload.data, 'base64').toString());
    send(200, { name: `${name}/versions/${versions.length}` });
  }

  const { host, close } = await serveHttp(answer);
  const manager: SecretManager = { host, secrets, refusesVersions: false, close };
  return manager;
}
