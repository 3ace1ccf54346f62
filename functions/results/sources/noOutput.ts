import { GeminiError } from '../../gemini/errors.ts';

/** Gemini can announce a job before it names the output (docs/gemini-wire.md 7.4). */
const NAMED_WITHIN_MILLIS = 600_000;

export const NO_OUTPUT = 'NO_OUTPUT';

/** Returns the error of a job that names no output: final 10 minutes after the event, deferred until then. */
export function noOutput(message: string, eventTime: Date): GeminiError {
  const isFinal = Date.now() - eventTime.getTime() >= NAMED_WITHIN_MILLIS;
  return new GeminiError(message, { status: NO_OUTPUT, disposition: isFinal ? 'final' : 'defer' });
}
