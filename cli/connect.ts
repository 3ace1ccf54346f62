import type { GoogleGenAI } from '@google/genai';
import { Environment } from '../functions/config/environment.ts';
import { geminiSettings, type GeminiSettings } from '../functions/config/settings.ts';
import { connectGemini } from '../functions/gemini/client.ts';

/** Gemini's SDK, and the settings that it was made with. */
export interface GeminiConnection {
  readonly ai: GoogleGenAI;
  readonly settings: GeminiSettings;
}

/** @throws {ConfigError} where no API key is set, or a base URL that cannot be used. */
export function connect(variables: NodeJS.ProcessEnv): GeminiConnection {
  const environment = new Environment(variables);
  const settings = geminiSettings(environment);
  environment.requireValid();
  return { ai: connectGemini(settings), settings };
}
