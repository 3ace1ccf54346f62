import { readSettings } from '../config/environment.ts';
import { callbackUrlSetting, geminiSettings, projectSettings, signingRouteKeys } from '../config/settings.ts';

/** The settings of `submitJob`. */
export type SubmitConfig = ReturnType<typeof readSubmitConfig>;

/** @throws {ConfigError} naming every bad variable. */
export function readSubmitConfig(variables: NodeJS.ProcessEnv) {
  return readSettings(variables, (environment) => ({
    ...projectSettings(environment),
    gemini: geminiSettings(environment),
    callbackUrl: callbackUrlSetting(environment),
    /** The first signs the callback URLs of the jobs. */
    routeKeys: signingRouteKeys(environment),
  }));
}
