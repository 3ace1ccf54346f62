import { createHmac, timingSafeEqual } from 'node:crypto';

const ROUTE = /^[A-Za-z0-9_-]{1,64}$/;

/** The path of a dynamic webhook ends in `/dynamic/<route>/<mac>`; SHA-256 in unpadded base64url is 43 characters. */
const DYNAMIC_PATH = /\/dynamic\/([A-Za-z0-9_-]{1,64})\/([A-Za-z0-9_-]{43})$/;

/**
 * Returns the route in a callback's path, where one of the project's keys has signed it.
 *
 * One key set signs for all of Gemini's customers, so the path's HMAC proves that the job is the project's
 * (docs/gemini-wire.md 5.5).
 */
export function verifyRoute(path: string, keys: readonly string[]): string | undefined {
  const [, route, mac] = DYNAMIC_PATH.exec(path) ?? [];
  if (route === undefined || mac === undefined) return undefined;
  return keys.some((key) => equal(mac, signRoute(route, key))) ? route : undefined;
}

/** Returns the URL for a job's webhook config: `<callback>/dynamic/<route>/<mac>`. */
export function routeUrl(callbackUrl: URL, route: string, key: string): string {
  const base = callbackUrl.href.replace(/\/+$/, '');
  return `${base}/dynamic/${route}/${signRoute(route, key)}`;
}

/** Returns `true` for a valid name of a pipeline. */
export function isRoute(name: string): boolean {
  return ROUTE.test(name);
}

/** Returns the message authentication code of a route. */
export function signRoute(route: string, key: string): string {
  return createHmac('sha256', key).update(route).digest('base64url');
}

function equal(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
