import { SUBSCRIBABLE_TYPES } from '../../functions/model/eventTypes.ts';
import { usageError } from '../errors.ts';

/** Parses `--events a,b` and refuses types that Gemini's API would refuse, unless `force` is set. */
export function requireEvents(list: string, { force }: { force: boolean }): readonly string[] {
  const events = [...new Set(list.split(/[\s,]+/).filter((event) => event !== ''))];
  if (events.length === 0) throw usageError('--events names no event.');
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
  if (url === null) throw usageError(`--uri ${text} is no URL; give the whole one, https://…`);
  if (isLoopback(url) && isLoopback(baseUrl)) return text;
  if (url.protocol !== 'https:') throw usageError(`--uri ${text} must be https: Gemini sends to nothing else.`);
  if (isLoopback(url)) throw usageError(`--uri ${text} is on this machine, which Gemini cannot reach.`);
  return text;
}

function isLoopback({ hostname }: URL): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}
