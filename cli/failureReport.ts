import { CommanderError } from 'commander';
import { ConfigError } from '../functions/config/configError.ts';
import { ServiceError } from '../functions/runtime/serviceError.ts';
import { CliError, EXIT, reasonOf } from './errors.ts';
import { credentialsError, SIGN_IN } from './google/credentialsError.ts';
import { GrpcStatus } from './google/grpcStatus.ts';

/** A backend of Google Cloud, for the advice about its failures. */
interface Backend {
  readonly name: string;
  /** Prefix of error codes. */
  readonly code: string;
  readonly emulatorVariable: string;
  readonly role: string;
  readonly service: string;
}

export const FIRESTORE: Backend = {
  name: 'Firestore',
  code: 'STORE',
  emulatorVariable: 'FIRESTORE_EMULATOR_HOST',
  role: 'roles/datastore.user',
  service: 'firestore.googleapis.com',
};

export const PUBSUB: Backend = {
  name: 'Pub/Sub',
  code: 'PUBSUB',
  emulatorVariable: 'PUBSUB_EMULATOR_HOST',
  role: 'roles/pubsub.editor',
  service: 'pubsub.googleapis.com',
};

/** A call that was not answered in the time that the command line gives it. */
export class NoAnswerError extends Error {}

/**
 * Translates a backend's failure into one that says what is wrong and what to do.
 *
 * @param variables of the command, for the project's and the emulator's names.
 */
export function backendError(backend: Backend, error: unknown, variables: NodeJS.ProcessEnv): Error {
  if (error instanceof CliError || error instanceof ConfigError) return error;
  if (error instanceof ServiceError && !error.reason.endsWith('_UNAVAILABLE'))
    return new CliError(error.reason, error.message, { cause: error });
  const reason = error instanceof ServiceError ? (error.cause ?? new NoAnswerError()) : error;
  const signIn = credentialsError(reason);
  if (signIn) return signIn;
  const code = reason instanceof Error && 'code' in reason ? Number(reason.code) : Number.NaN;
  const isUnreachable =
    reason instanceof NoAnswerError || code === GrpcStatus.UNAVAILABLE || code === GrpcStatus.DEADLINE_EXCEEDED;
  const { name } = backend;
  if (isUnreachable)
    return new CliError(
      `${backend.code}_UNAVAILABLE`,
      `${name} does not answer. ${unreachableAdvice(backend, variables)}`,
      {
        cause: error,
      },
    );
  const advice = adviceOn(code, reasonOf(reason), backend, variables);
  return new CliError(`${backend.code}_FAILED`, `${name}: ${reasonOf(reason)} ${advice}`.trim(), { cause: error });
}

function unreachableAdvice({ emulatorVariable }: Backend, variables: NodeJS.ProcessEnv): string {
  const emulator = variables[emulatorVariable];
  return emulator
    ? `Check that its emulator runs at ${emulatorVariable}=${emulator}.`
    : 'Check the network, and GOOGLE_CLOUD_PROJECT or --project.';
}

function adviceOn(code: number, reason: string, backend: Backend, variables: NodeJS.ProcessEnv): string {
  const project = variables['GOOGLE_CLOUD_PROJECT'] ?? 'PROJECT';
  switch (code) {
    case GrpcStatus.NOT_FOUND:
      return backend === FIRESTORE
        ? `Check --project and FIRESTORE_DATABASE: gcloud firestore databases list --project=${project}`
        : `Check --project and --prefix: gcloud pubsub topics list --project=${project}`;
    case GrpcStatus.PERMISSION_DENIED:
      if (/has not been used|is disabled|SERVICE_DISABLED/.test(reason))
        return `Run: gcloud services enable ${backend.service} --project=${project}`;
      return `Check --project=${project}, or let its owner run: gcloud projects add-iam-policy-binding ${project} --member=user:YOUR_ADDRESS --role=${backend.role}`;
    case GrpcStatus.FAILED_PRECONDITION:
      return `Deploy its indexes: npm run deploy -- --project=${project} --region=REGION --only=indexes`;
    case GrpcStatus.UNAUTHENTICATED:
      return `Sign in: ${SIGN_IN}`;
    default:
      return '';
  }
}

/** A failure as it is printed. */
interface Report {
  readonly code: string;
  readonly message: string;
  readonly exitCode: number;
  readonly details?: CliError['details'];
}

const NAME_IT =
  'A deployed installation has these values: add --project=PROJECT --region=REGION. So has npm start: add --local.';

/** Returns the report of any error, without a stack; `undefined` where the parser has printed it. */
export function reportOf(error: unknown): Report | undefined {
  if (error instanceof CommanderError) return parsingReport(error);
  if (error instanceof CliError) return error;
  if (error instanceof ConfigError)
    return { code: error.code, message: `${error.message}\n${NAME_IT}`, exitCode: EXIT.usage };
  const signIn = credentialsError(error);
  return signIn ?? { code: 'FAILED', message: reasonOf(error), exitCode: EXIT.failed };
}

function parsingReport({ code, exitCode, message }: CommanderError): Report | undefined {
  if (exitCode === 0) return undefined;
  const reason =
    code === 'commander.help' ? 'A command is missing; --help lists them.' : message.replace('error: ', '');
  return { code: 'USAGE', message: reason, exitCode: EXIT.usage };
}
