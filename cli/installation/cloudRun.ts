import { type FunctionName, serviceNameOf } from '../../functions/config/functionNames.ts';
import { isJsonObject, type JsonObject, objectsIn, stringAt } from '../../functions/model/json.ts';
import { CliError } from '../errors.ts';
import { callGoogle, type GoogleApi } from '../google/rest.ts';
import { flagsOf, type Place, prefixed } from './place.ts';

/** A setting of a deployed function: its value, or the secret that holds it. */
export type DeployedSetting =
  { readonly value: string } | { readonly secret: string; readonly version: string; readonly project: string };

/** A deployed function, as Cloud Run describes it. */
export interface DeployedService {
  readonly name: string;
  readonly url: string | undefined;
  setting(variable: string): DeployedSetting | undefined;
}

/**
 * Reads a function's service by the Cloud Run Admin API v2.
 *
 * @throws {CliError} `NO_REGION`, `NOT_DEPLOYED`, or that Cloud Run refuses or cannot be reached.
 */
export async function readService(
  place: Place,
  target: FunctionName,
  variables: NodeJS.ProcessEnv,
): Promise<DeployedService> {
  const { project, region } = place;
  if (region === undefined)
    throw new CliError('NO_REGION', `The region of the installation in ${project} is not named. Add --region=REGION`);
  const api = cloudRun(variables);
  const parent = `v2/projects/${project}/locations/${region}/services`;
  const name = prefixed(place, serviceNameOf(target));
  const resource = await callGoogle(api, project, `${parent}/${name}`);
  if (resource === undefined) throw notDeployed(place, name, await callGoogle(api, project, parent));
  return deployedService(place, name, resource);
}

function cloudRun(variables: NodeJS.ProcessEnv): GoogleApi {
  const emulator = variables['CLOUD_RUN_EMULATOR_HOST'] || undefined;
  return { name: 'Cloud Run', host: 'run.googleapis.com', emulator, role: 'roles/run.viewer' };
}

function notDeployed(place: Place, name: string, listed: JsonObject | undefined): CliError {
  const { project, region } = place;
  const names = objectsIn(listed?.['services']).map((one) => (stringAt(one, 'name') ?? '').split('/').at(-1) ?? '');
  const prefixes = names.flatMap((one) => {
    const found = /^(?:(.+)-)?gemini-callback$/.exec(one);
    return found ? [found[1] ?? ''] : [];
  });
  const advice =
    prefixes.length > 0
      ? `This region has ${prefixes.map((prefix) => (prefix ? `--prefix=${prefix}` : 'one without --prefix')).join(', ')}.`
      : `Check --project and --region (gcloud run services list --project=${project}), or run: npm run deploy -- ${flagsOf(place)}`;
  return new CliError('NOT_DEPLOYED', `Nothing is deployed as ${name} in ${region} of ${project}. ${advice}`);
}

function deployedService({ project }: Place, name: string, resource: JsonObject): DeployedService {
  const template = isJsonObject(resource['template']) ? resource['template'] : {};
  const [container = {}] = objectsIn(template['containers']);
  const variables = new Map(objectsIn(container['env']).map((one) => [stringAt(one, 'name'), one]));
  const files = new SecretFiles(objectsIn(template['volumes']), objectsIn(container['volumeMounts']));

  function setting(variable: string): DeployedSetting | undefined {
    const one = variables.get(variable);
    const source = one && isJsonObject(one['valueSource']) ? one['valueSource'] : {};
    const reference = isJsonObject(source['secretKeyRef']) ? source['secretKeyRef'] : undefined;
    if (reference) return secretOf(stringAt(reference, 'secret') ?? '', stringAt(reference, 'version'), project);
    const value = one && stringAt(one, 'value');
    if (value !== undefined && value !== '') return { value };
    const path = stringAt(variables.get(`${variable}_FILE`) ?? {}, 'value');
    const file = path === undefined ? undefined : files.at(path);
    return file && secretOf(file.secret, file.version, project);
  }

  return { name, url: stringAt(resource, 'uri'), setting };
}

/** Secrets that are mounted as files. */
class SecretFiles {
  readonly #volumes: readonly JsonObject[];
  readonly #mounts: readonly JsonObject[];

  constructor(volumes: readonly JsonObject[], mounts: readonly JsonObject[]) {
    this.#volumes = volumes;
    this.#mounts = mounts;
  }

  at(path: string): { readonly secret: string; readonly version: string | undefined } | undefined {
    const mount = this.#mounts.find((one) => path.startsWith(`${stringAt(one, 'mountPath')}/`));
    const volume = this.#volumes.find(({ name }) => name === mount?.['name']);
    const source = isJsonObject(volume?.['secret']) ? volume['secret'] : undefined;
    if (mount === undefined || source === undefined) return undefined;
    const file = path.slice(`${stringAt(mount, 'mountPath')}/`.length);
    const item = objectsIn(source['items']).find((one) => one['path'] === file) ?? {};
    return { secret: stringAt(source, 'secret') ?? '', version: stringAt(item, 'version') };
  }
}

/** Cloud Run names a secret of another project by its whole path. */
function secretOf(name: string, version = 'latest', project: string): DeployedSetting {
  const [, owner, id] = /^projects\/([^/]+)\/secrets\/([^/]+)/.exec(name) ?? [];
  return { secret: id ?? name, version, project: owner ?? project };
}
