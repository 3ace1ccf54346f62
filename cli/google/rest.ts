import { isJsonObject, type JsonObject, stringAt } from '../../functions/model/json.ts';
import { CliError, rootMessageOf } from '../errors.ts';
import { authorization } from './credentials.ts';
import { SIGN_IN } from './credentialsError.ts';

const REQUEST_MILLIS = 10_000;

/** One of Google's REST APIs. */
export interface GoogleApi {
  /** Name in messages. */
  readonly name: string;
  readonly host: string;
  /** `host:port` of a stand-in, which needs no credentials. */
  readonly emulator: string | undefined;
  /** The role that a caller needs, for the message that refuses one. */
  readonly role: string;
}

interface Change {
  readonly method: 'POST' | 'PATCH';
  readonly body: object;
  /** Accepts a resource that exists already. */
  readonly mayExist?: true;
}

/**
 * Calls an API with Application Default Credentials: reads a resource, or sends a change.
 *
 * @param path from the version, for example `v2/projects/…`.
 * @returns `undefined` where the resource does not exist.
 * @throws {CliError} that says what is missing and the command that provides it.
 */
export async function callGoogle(
  api: GoogleApi,
  project: string,
  path: string,
  change?: Change,
): Promise<JsonObject | undefined> {
  const url = `${api.emulator === undefined ? `https://${api.host}` : `http://${api.emulator}`}/${path}`;
  const headers = api.emulator === undefined ? await authorization(url) : new Headers();
  const request = { headers, signal: AbortSignal.timeout(REQUEST_MILLIS) };
  if (change) headers.set('content-type', 'application/json');
  const sent = change ? { ...request, method: change.method, body: JSON.stringify(change.body) } : request;
  const response = await fetch(url, sent).catch((cause: unknown) => {
    const message = `${api.name} does not answer at ${new URL(url).host}: ${rootMessageOf(cause)}. Check the network.`;
    throw new CliError('GOOGLE_UNREACHABLE', message, { cause });
  });
  const body = await jsonOf(response);
  if (response.ok) return body;
  if (response.status === 404) return undefined;
  if (response.status === 409 && change?.mayExist) return {};
  throw refusal(api, project, response.status, body);
}

async function jsonOf(response: Response): Promise<JsonObject> {
  const body: unknown = await response.json().catch(() => ({}));
  return isJsonObject(body) ? body : {};
}

function refusal({ name, host, role }: GoogleApi, project: string, status: number, body: JsonObject): CliError {
  const error = isJsonObject(body['error']) ? body['error'] : {};
  const message = stringAt(error, 'message') ?? `status ${status}`;
  if (status === 401)
    return new CliError('CREDENTIALS_EXPIRED', `${name} refuses the credentials of this machine. Run: ${SIGN_IN}`);
  if (status === 403 && /has not been used|is disabled|SERVICE_DISABLED/.test(JSON.stringify(error)))
    return new CliError(
      'API_DISABLED',
      `${name} is not enabled. Run: gcloud services enable ${host} --project=${project}`,
    );
  if (status === 403 && /'?locations\//.test(message))
    return new CliError(
      'WRONG_REGION',
      `${name}: ${message} Check --region: gcloud run regions list --project=${project}`,
    );
  if (status === 403)
    return new CliError(
      'NO_PERMISSION',
      `${name}: ${message} Check --project=${project}, or let its owner grant you ${role}:\n` +
        `  gcloud projects add-iam-policy-binding ${project} --member=user:YOUR_ADDRESS --role=${role}`,
    );
  return new CliError('GOOGLE_FAILED', `${name}: ${message}`);
}
