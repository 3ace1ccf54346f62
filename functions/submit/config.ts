import { Environment, type SecretSource } from '../platform/config.ts';
import {
  callbackUrlSetting,
  type GeminiSettings,
  geminiSettings,
  projectSettings,
  type ProjectSettings,
  routeKeys,
} from '../platform/settings.ts';

/** The settings of `submitJob`, read once when it starts. */
export interface SubmitConfig extends ProjectSettings {
  readonly gemini: GeminiSettings;
  readonly callbackUrl: URL;
  readonly routeKeys: SecretSource;
}

/** @throws {ConfigError} that names every bad variable. */
export function readSubmitConfig(variables: NodeJS.ProcessEnv): SubmitConfig {
  const environment = new Environment(variables);
  const config = {
    ...projectSettings(environment),
    gemini: geminiSettings(environment),
    callbackUrl: callbackUrlSetting(environment),
    routeKeys: routeKeys(environment),
  };
  if (!['DYNAMIC_ROUTE_KEY', 'DYNAMIC_ROUTE_KEY_FILE'].some((name) => environment.optional(name))) {
    const example = 'the-output-of-openssl-rand-hex-32';
    environment.reject('DYNAMIC_ROUTE_KEY', 'or DYNAMIC_ROUTE_KEY_FILE must be set', example);
  }
  environment.requireValid();
  return config;
}
