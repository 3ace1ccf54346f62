import { isJsonObject, stringAt } from '../../functions/model/json.ts';
import { CliError } from '../errors.ts';
import { getResource, type GoogleApi } from '../google/rest.ts';
import type { DeployedSetting } from './cloudRun.ts';

type SecretSetting = Extract<DeployedSetting, { secret: string }>;

/**
 * Reads a version of a secret from Secret Manager.
 *
 * @throws {CliError} `SECRET_MISSING`, or that Secret Manager refuses or cannot be reached.
 */
export async function readSecret(
  { secret, version, project }: SecretSetting,
  variables: NodeJS.ProcessEnv,
): Promise<string> {
  const emulator = variables['SECRET_MANAGER_EMULATOR_HOST'] || undefined;
  const api: GoogleApi = {
    name: 'Secret Manager',
    host: 'secretmanager.googleapis.com',
    emulator,
    role: 'roles/secretmanager.secretAccessor',
  };
  const path = `v1/projects/${project}/secrets/${secret}/versions/${version}:access`;
  const payload = (await getResource(api, project, path))?.['payload'];
  const data = isJsonObject(payload) ? stringAt(payload, 'data') : undefined;
  if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
  const message = `The secret ${secret} of ${project} has no version ${version}. Add one: printf %s "$VALUE" | gcloud secrets versions add ${secret} --project=${project} --data-file=-`;
  throw new CliError('SECRET_MISSING', message);
}
