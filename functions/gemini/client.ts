import { GoogleGenAI } from '@google/genai';
import type { GeminiSettings } from '../platform/settings.ts';

/** Gemini's SDK, told everything: nothing is left to the environment, which could send it to another platform (G 2.1). */
export function connectGemini({ apiKey, baseUrl }: GeminiSettings): GoogleGenAI {
  return new GoogleGenAI({ apiKey, enterprise: false, vertexai: false, httpOptions: { baseUrl: baseUrl.href } });
}
