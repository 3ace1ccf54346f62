import { Environment, type SecretSource } from '../config/environment.ts';
import {
  callbackUrlSetting,
  type GeminiSettings,
  geminiSettings,
  projectSettings,
  type ProjectSettings,
  signingRouteKeys,
} from '../config/settings.ts';

/** The settings of `submitJob`. */
export interface SubmitConfig extends ProjectSettings {
  readonly gemini: GeminiSettings;
  readonly callbackUrl: URL;
  /** The first signs the callback URLs of the jobs. */
  readonly routeKeys: SecretSource;
}

/**
 * Reads the settings from the environment.
 *
 * @throws {ConfigError} naming every bad variable.
 */
export function readSubmitConfig(variables: NodeJS.ProcessEnv): SubmitConfig {
  const environment = new Environment(variables);
  const config = {
    ...projectSettings(environment),
    gemini: geminiSettings(environment),
    callbackUrl: callbackUrlSetting(environment),
    routeKeys: signingRouteKeys(environment),
  };
  environment.requireValid();
  return config;
}
