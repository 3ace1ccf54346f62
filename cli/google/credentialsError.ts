import { CliError, EXIT, reasonOf } from '../errors.ts';

/** The command that makes Application Default Credentials. */
export const SIGN_IN = 'gcloud auth application-default login';

/** A failure to sign in, by the texts of Google's libraries; `undefined` for any other. */
export function credentialsError(error: unknown): CliError | undefined {
  const reason = reasonOf(error);
  if (/Could not load the default credentials/i.test(reason))
    return new CliError('NO_CREDENTIALS', `No Google Cloud credentials were found here. Run: ${SIGN_IN}`, {
      cause: error,
    });
  if (/invalid_grant|invalid_rapt|reauth|ACCESS_TOKEN_EXPIRED|invalid authentication credentials/i.test(reason))
    return new CliError(
      'CREDENTIALS_EXPIRED',
      `Google refuses the credentials of this machine, which may have expired. Run: ${SIGN_IN}`,
      { cause: error },
    );
  if (/Unable to detect a Project Id/i.test(reason)) return noProject(error);
  if (/GOOGLE_APPLICATION_CREDENTIALS/.test(reason))
    return new CliError('NO_CREDENTIALS', `${reason} Correct GOOGLE_APPLICATION_CREDENTIALS, or run: ${SIGN_IN}`, {
      cause: error,
    });
  return undefined;
}

export function noProject(cause?: unknown): CliError {
  const message =
    'No Google Cloud project is named. Add --project=PROJECT, or run: export GOOGLE_CLOUD_PROJECT=PROJECT';
  return new CliError('NO_PROJECT', message, { cause, exitCode: EXIT.usage });
}
