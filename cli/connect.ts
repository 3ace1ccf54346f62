import type { GoogleGenAI } from '@google/genai';
import { connectGemini } from '../functions/gemini/client.ts';
import { Environment } from '../functions/config/environment.ts';
import { geminiSettings } from '../functions/config/settings.ts';

/** @throws {ConfigError} where the environment names no API key, or a base URL that cannot be used. */
export function connect(variables: NodeJS.ProcessEnv): { ai: GoogleGenAI; baseUrl: URL } {
  const environment = new Environment(variables);
  const settings = geminiSettings(environment);
  environment.requireValid();
  return { ai: connectGemini(settings), baseUrl: settings.baseUrl };
}
