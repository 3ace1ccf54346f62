import { SUBSCRIBABLE_TYPES } from '../../functions/model/eventTypes.ts';
import { usageError } from '../errors.ts';

/** Parses `--events a,b` and refuses types that Gemini's API would refuse, unless `force` is set. */
export function requireEvents(list: string, { force }: { force: boolean }): readonly string[] {
  const events = [...new Set(list.split(/[\s,]+/).filter((event) => event !== ''))];
  if (events.length === 0)
    throw usageError(
      `--events names no event type. Give for example --events=${SUBSCRIBABLE_TYPES.slice(0, 2).join(',')}.`,
    );
  const known: readonly string[] = SUBSCRIBABLE_TYPES;
  const unknown = events.filter((event) => !known.includes(event));
  if (unknown.length > 0 && !force) {
    throw usageError(
      `Gemini refuses a subscription to ${unknown.join(', ')}. It accepts ${known.join(', ')}. If the type is new, add --force.`,
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
  if (url === null) throw usageError(`--uri ${text} is not a URL. Give all of it, https://…`);
  if (isLoopback(url) && isLoopback(baseUrl)) return text;
  if (url.protocol !== 'https:')
    throw usageError(`--uri ${text} must begin with https://, because Gemini delivers to no other URL.`);
  if (isLoopback(url))
    throw usageError(
      `--uri ${text} is on this machine, which Gemini cannot reach. Use the public URL of geminiCallback.`,
    );
  return text;
}

function isLoopback({ hostname }: URL): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}
