import { usageError } from '../errors.ts';

/** The events of G 4.3; the last two are in Gemini's guide only. */
export const EVENT_TYPES: readonly string[] = [
  'batch.succeeded',
  'batch.failed',
  'batch.expired',
  'interaction.completed',
  'interaction.requires_action',
  'interaction.failed',
  'video.generated',
  'batch.cancelled',
  'interaction.cancelled',
];

/** Splits `--events a,b` and refuses what Gemini would never send. */
export function requireEvents(list: string, { force }: { force: boolean }): readonly string[] {
  const events = [...new Set(list.split(/[\s,]+/).filter((event) => event !== ''))];
  if (events.length === 0) throw usageError('--events names no event.');
  const unknown = events.filter((event) => !EVENT_TYPES.includes(event));
  if (unknown.length > 0 && !force) {
    throw usageError(
      `Gemini has no event ${unknown.join(', ')}. It has ${EVENT_TYPES.join(', ')}. If it is new, add --force.`,
    );
  }
  return events;
}

/**
 * Refuses an endpoint that Gemini cannot reach.
 *
 * @param baseUrl of the Gemini API: beside a simulator on loopback the endpoint may be there too.
 */
export function requireEndpoint(text: string, baseUrl: URL): string {
  const url = URL.parse(text);
  if (url === null) throw usageError(`--uri ${text} is no URL; give the whole one, https://…`);
  if (isLoopback(url) && isLoopback(baseUrl)) return text;
  if (url.protocol !== 'https:') throw usageError(`--uri ${text} must be https: Gemini sends to nothing else.`);
  if (isLoopback(url)) throw usageError(`--uri ${text} is on this machine, which Gemini cannot reach.`);
  return text;
}

export function isLoopback({ hostname }: URL): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}
