import { CliError } from '../errors.ts';
import { SecretManager } from '../google/secretManager.ts';
import type { DeployedSetting } from './cloudRun.ts';

type SecretSetting = Extract<DeployedSetting, { secret: string }>;

/**
 * Reads a version of a secret that a deployed function uses.
 *
 * @throws {CliError} `SECRET_MISSING`, or that Secret Manager refuses or cannot be reached.
 */
export async function readSecret(
  { secret, version, project }: SecretSetting,
  variables: NodeJS.ProcessEnv,
): Promise<string> {
  const manager = new SecretManager(project, variables, 'roles/secretmanager.secretAccessor');
  const content = await manager.read(secret, version);
  if (content !== undefined) return content;
  const message = `The secret ${secret} of ${project} has no version ${version}. Add one: printf %s "$VALUE" | gcloud secrets versions add ${secret} --project=${project} --data-file=-`;
  throw new CliError('SECRET_MISSING', message);
}
