import { sendJson, serveHttp } from './server.ts';

/** A Cloud Run service's settings: values, and secrets by their names, each in a variable or mounted as a file. */
interface ServiceSpec {
  readonly url?: string;
  readonly values?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly secretFiles?: Readonly<Record<string, string>>;
}

/** An error of Google's API, in place of an answer. */
interface Refusal {
  readonly code: number;
  readonly message: string;
}

/** The part of the Cloud Run Admin API v2 that the command line uses; Google has no emulator of it. */
export interface CloudRun {
  /** `host:port`. */
  readonly host: string;
  /** Services by `<project>/<region>/<name>`. */
  readonly services: Map<string, ServiceSpec>;
  /** Requested paths. */
  readonly requests: string[];
  refusal: Refusal | undefined;
  close(): Promise<void>;
}

const PATH = /^\/v2\/projects\/([^/]+)\/locations\/([^/]+)\/services(?:\/([^/]+))?$/;

export async function startCloudRun(): Promise<CloudRun> {
  const services = new Map<string, ServiceSpec>();
  const requests: string[] = [];
  const { host, close } = await serveHttp((request, response) => {
    const path = request.url ?? '';
    requests.push(path);
    const send = (status: number, body: object) => sendJson(response, status, body);
    if (cloudRun.refusal) return send(cloudRun.refusal.code, { error: cloudRun.refusal });
    const [, project, region, name] = PATH.exec(path) ?? [];
    const parent = `${project}/${region}/`;
    if (name === undefined) {
      const names = [...services.keys()].filter((key) => key.startsWith(parent)).map((key) => ({ name: key }));
      return send(200, { services: names });
    }
    const spec = services.get(parent + name);
    if (spec === undefined) return send(404, { error: { code: 404, status: 'NOT_FOUND', message: 'not found' } });
    return send(200, resourceOf(parent + name, spec));
  });
  const cloudRun: CloudRun = { host, services, requests, refusal: undefined, close };
  return cloudRun;
}

/** A service in Cloud Run's format: https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services. */
function resourceOf(key: string, { url, values = {}, secrets = {}, secretFiles = {} }: ServiceSpec): object {
  const [project, region, name] = key.split('/');
  const files = Object.entries(secretFiles);
  return {
    name: `projects/${project}/locations/${region}/services/${name}`,
    uri: url,
    template: {
      containers: [
        {
          env: [
            ...Object.entries(values).map(([variable, value]) => ({ name: variable, value })),
            ...Object.entries(secrets).map(([variable, secret]) => ({
              name: variable,
              valueSource: { secretKeyRef: { secret, version: 'latest' } },
            })),
            ...files.map(([variable, secret]) => ({ name: `${variable}_FILE`, value: `/secrets/${secret}/current` })),
          ],
          volumeMounts: files.map(([, secret]) => ({ name: `${secret}-volume`, mountPath: `/secrets/${secret}` })),
        },
      ],
      volumes: files.map(([, secret]) => ({
        name: `${secret}-volume`,
        secret: { secret, items: [{ path: 'current', version: 'latest' }] },
      })),
    },
  };
}
