import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { sendJson, serveHttp } from '../../support/server.ts';

interface Target {
  readonly revisionName?: string;
  readonly latestRevision?: boolean;
  readonly percent?: number;
  readonly tag?: string;
}

interface Service {
  readonly metadata: { readonly name: string; generation?: number };
  readonly spec: {
    traffic?: readonly Target[];
    readonly template: { readonly metadata?: { readonly name?: string } };
  };
  status?: object;
}

/** The part of the Cloud Run API that the real gcloud uses for services, for requests that reach it as a proxy. */
export async function startRunApi() {
  const services = new Services();
  const { port, close } = await serveHttp(async (request, response) => {
    sendJson(response, ...(await services.answer(request)));
  });
  const folder = mkdtempSync(join(tmpdir(), 'run-api-'));
  writeFileSync(join(folder, 'token'), 'token');
  const endpoints = ['RUN', 'SERVICEUSAGE', 'IAM', 'CLOUDRESOURCEMANAGER'].map((name) => [
    `CLOUDSDK_API_ENDPOINT_OVERRIDES_${name}`,
    `http://${name.toLowerCase()}.test/`,
  ]);
  /** Sends every request of gcloud here. A proxy also covers the host names that gcloud makes of regions. */
  const env: NodeJS.ProcessEnv = {
    CLOUDSDK_AUTH_ACCESS_TOKEN_FILE: join(folder, 'token'),
    CLOUDSDK_PROXY_TYPE: 'http',
    CLOUDSDK_PROXY_ADDRESS: '127.0.0.1',
    CLOUDSDK_PROXY_PORT: String(port),
    ...(Object.fromEntries(endpoints) as NodeJS.ProcessEnv),
  };
  return {
    env,
    close: async () => {
      await close();
      rmSync(folder, { recursive: true });
    },
  };
}

class Services {
  readonly #services = new Map<string, Service>();

  async answer(request: IncomingMessage): Promise<readonly [number, object]> {
    const { pathname } = new URL(request.url ?? '');
    if (pathname.includes('/services/run.googleapis.com')) return [200, { state: 'ENABLED' }];
    const body = request.method === 'GET' ? {} : await json(request);
    if (pathname.endsWith(':testIamPermissions')) return [200, body as object];
    const found = this.#services.get(pathname);
    if (request.method === 'GET')
      return found ? [200, found] : [404, { error: { code: 404, status: 'NOT_FOUND', message: 'not found' } }];
    const service = body as Service;
    const path = request.method === 'POST' ? `${pathname}/${service.metadata.name}` : pathname;
    return [200, this.#store(path, service)];
  }

  /** Each write makes a revision, which becomes ready at once. */
  #store(path: string, service: Service): Service {
    const generation = (this.#services.get(path)?.metadata.generation ?? 0) + 1;
    service.metadata.generation = generation;
    const { name } = service.metadata;
    const latest = service.spec.template.metadata?.name ?? `${name}-0000${generation}-abc`;
    const traffic = (service.spec.traffic ??= [{ latestRevision: true, percent: 100 }]);
    service.status = {
      observedGeneration: generation,
      conditions: ['Ready', 'ConfigurationsReady', 'RoutesReady'].map((type) => ({ type, status: 'True' })),
      latestCreatedRevisionName: latest,
      latestReadyRevisionName: latest,
      url: `https://${name}.test`,
      traffic: traffic.map((target) => Object.assign({ revisionName: latest }, target)),
    };
    this.#services.set(path, service);
    return service;
  }
}
