import type { GoogleGenAI } from '@google/genai';
import { readSettings } from '../functions/config/environment.ts';
import { geminiSettings, type GeminiSettings } from '../functions/config/settings.ts';
import { connectGemini } from '../functions/gemini/client.ts';
import { toGeminiError } from '../functions/gemini/errors.ts';
import { CliError } from './errors.ts';

/** Gemini's SDK, and the settings that it was made with. */
interface GeminiConnection {
  readonly ai: GoogleGenAI;
  readonly settings: GeminiSettings;
}

/** @throws {ConfigError} where no API key is set, or a base URL that cannot be used. */
export function connect(variables: NodeJS.ProcessEnv): GeminiConnection {
  const settings = readSettings(variables, geminiSettings);
  return { ai: connectGemini(settings), settings };
}

const UNREACHABLE = 'Check the network and GOOGLE_GEMINI_BASE_URL.';
const RETRY = 'Wait a little and try again.';

const ADVICE: Readonly<Record<number, string>> = {
  401: 'Check GEMINI_API_KEY.',
  403: 'Check GEMINI_API_KEY, and that its project may use the Gemini API.',
  429: RETRY,
};

/**
 * Translates a failure of Gemini's into `GEMINI_…`, with what to do about it.
 *
 * @param ifUnknown advice where the call may have had its effect: after no answer, and after a status of 500 or more.
 * @param ifMissing advice for 404.
 */
export function geminiFailure(
  error: unknown,
  { ifUnknown = '', ifMissing = '' }: { readonly ifUnknown?: string; readonly ifMissing?: string } = {},
): CliError {
  const { httpStatus, status, message } = toGeminiError(error);
  const reason = message.replace(/(?<![.!?])$/, '.');
  const advice = httpStatus === 404 ? ifMissing : adviceOn(httpStatus, ifUnknown);
  return new CliError(`GEMINI_${status}`, `Gemini: ${reason} ${advice}`.trim(), { cause: error });
}

function adviceOn(httpStatus: number | undefined, ifUnknown: string): string {
  if (httpStatus === undefined) return `${ifUnknown} ${UNREACHABLE}`.trim();
  if (httpStatus >= 500) return ifUnknown || RETRY;
  return ADVICE[httpStatus] ?? '';
}
