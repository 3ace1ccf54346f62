import { Environment, type SecretSource } from '../../functions/config/environment.ts';
import {
  callbackUrlSetting,
  geminiSettings,
  type GeminiSettings,
  projectSettings,
  type ProjectSettings,
  routeKeys,
  signingSecrets,
} from '../../functions/config/settings.ts';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { INSTALLATION_VARIABLES } from '../installation/variableGroups.ts';

/** The settings of all functions, as the doctor checks them. */
export interface DoctorSettings extends ProjectSettings {
  readonly gemini: GeminiSettings;
  readonly callbackUrl: URL;
  readonly jwksUrl: URL;
  readonly signingSecrets: SecretSource;
  readonly routeKeys: SecretSource;
  /** Problems of those two, which keep no other check from running. */
  readonly secretProblems: readonly string[];
  readonly toleranceSeconds: number;
  readonly emulators: { readonly firestore: boolean; readonly pubsub: boolean };
  /** The reason for which Google Cloud cannot be checked; absent where it can be. */
  readonly cloudProblem?: CliError | undefined;
  readonly region: string;
  readonly prefix: string;
}

/** Codes of the errors after which Google Cloud cannot be checked. */
const CLOUD = new Set(['NO_CREDENTIALS', 'CREDENTIALS_EXPIRED', 'NO_PROJECT']);

/**
 * Reads the settings, and where Google Cloud cannot be reached, those of the shell alone.
 *
 * @throws {ConfigError} that names every bad variable without which nothing can be checked.
 */
export async function readDoctorSettings(context: Context): Promise<DoctorSettings> {
  const { place } = await context.installation();
  const { variables, cloudProblem } = await variablesOf(context);
  const environment = new Environment(variables);
  const secrets = new Environment(variables);
  const settings = {
    ...projectSettings(environment),
    gemini: geminiSettings(environment),
    callbackUrl: callbackUrlSetting(environment),
    jwksUrl: environment.read('GEMINI_JWKS_URL'),
    signingSecrets: signingSecrets(secrets),
    routeKeys: routeKeys(secrets),
    secretProblems: secrets.problems,
    toleranceSeconds: environment.read('WEBHOOK_TOLERANCE_SECONDS'),
    emulators: {
      firestore: environment.optional('FIRESTORE_EMULATOR_HOST') !== undefined,
      pubsub: environment.optional('PUBSUB_EMULATOR_HOST') !== undefined,
    },
    cloudProblem,
    region: place?.region ?? 'REGION',
    prefix: place?.prefix ?? '',
  };
  environment.requireValid();
  return settings;
}

async function variablesOf(
  context: Context,
): Promise<{ readonly variables: NodeJS.ProcessEnv; readonly cloudProblem?: CliError }> {
  try {
    return { variables: await context.settings(...INSTALLATION_VARIABLES) };
  } catch (error) {
    if (!(error instanceof CliError && CLOUD.has(error.code))) throw error;
    const here = INSTALLATION_VARIABLES.filter(
      (name) => name !== 'GOOGLE_CLOUD_PROJECT' && !name.endsWith('_EMULATOR_HOST'),
    );
    const { place } = await context.installation();
    if (place?.region !== undefined) throw error;
    return { variables: await context.settings(...here), cloudProblem: error };
  }
}
