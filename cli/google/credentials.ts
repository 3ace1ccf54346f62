import { GoogleAuth } from 'google-auth-library';
import { credentialsError } from './credentialsError.ts';

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';

const auth = new GoogleAuth({ scopes: [SCOPE] });

/**
 * Checks that Application Default Credentials are there, before a client library looks for them: its failure reaches
 * no caller.
 *
 * @throws {CliError} `NO_CREDENTIALS`
 */
export async function requireCredentials(): Promise<void> {
  try {
    await auth.getClient();
  } catch (cause) {
    throw credentialsError(cause) ?? cause;
  }
}

/** @throws {CliError} `NO_CREDENTIALS`, `CREDENTIALS_EXPIRED` */
export async function authorization(url: string): Promise<Headers> {
  try {
    const client = await auth.getClient();
    return new Headers(await client.getRequestHeaders(url));
  } catch (cause) {
    throw credentialsError(cause) ?? cause;
  }
}

/** The project of the credentials, of gcloud's configuration, or of the machine. */
export async function defaultProject(): Promise<string | undefined> {
  return await auth.getProjectId().catch(() => undefined);
}
