import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import { z } from 'zod';
import { ApiError, checked } from '../errors.ts';

export type SimulatorContext = Context<{ Bindings: HttpBindings }>;

/** One method of the API. */
export interface Route {
  /** `webhooks.create`, `batches.get`, …: its name in the ledger and in `api.faults`. */
  readonly method: string;
  readonly http: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** A custom verb is a last segment of its own here: `/batches/:id/~cancel` is `/batches/{id}:cancel`. */
  readonly path: string;
  /** Everything but a `Response` is sent as JSON with status 200 (docs/gemini-wire.md 1.16). Refuses with an `ApiError`. */
  readonly handle: (context: SimulatorContext) => object | Promise<object>;
}

export const VERSION = '/:version{v1|v1beta}';
export const JSON_TYPE = 'application/json; charset=UTF-8';

/** The path to route on: `…/abc:cancel` becomes `…/abc/~cancel`, split at the last colon of the last segment (docs/gemini-wire.md 12). */
export function routedPath(request: Request): string {
  const path = new URL(request.url).pathname.replaceAll(/%3a/gi, ':');
  return path.replace(/:([^/:]+)$/, '/~$1');
}

export function parameter(context: SimulatorContext, name: string): string {
  return context.req.param(name) ?? '';
}

/** The request's JSON; an empty body counts as `{}` whatever its content type says (docs/gemini-wire.md 12). */
export async function jsonBody(context: SimulatorContext, largestBytes = Infinity): Promise<unknown> {
  const text = await context.req.text();
  if (Buffer.byteLength(text) > largestBytes) {
    throw new ApiError('INVALID_ARGUMENT', `Request payload size exceeds the limit: ${largestBytes} bytes.`);
  }
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError('INVALID_ARGUMENT', 'Invalid JSON payload received.');
  }
}

const pageQuery = z.object({
  size: z.coerce.number().int().min(0).default(0),
  token: z
    .string()
    .regex(/^p\d+$/, 'not a page token')
    .optional(),
});
const DEFAULT_PAGE_SIZE = 50;
const LONGEST_PAGE = 1_000;

/** One page of a list, and the token of the next one unless this is the last (docs/gemini-wire.md 1.15). */
export function page<T>(
  items: readonly T[],
  size: string | undefined,
  token: string | undefined,
): { items: T[]; next: string | undefined } {
  const query = checked(pageQuery, { size, token: token === '' ? undefined : token });
  const start = Number(query.token?.slice(1) ?? 0);
  const end = start + Math.min(query.size === 0 ? DEFAULT_PAGE_SIZE : query.size, LONGEST_PAGE);
  return { items: items.slice(start, end), next: end < items.length ? `p${end}` : undefined };
}
