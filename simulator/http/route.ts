import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import { z } from 'zod';
import { ApiError, checked } from '../errors.ts';

export type SimulatorContext = Context<{ Bindings: HttpBindings }>;

/** One method of the API. */
export interface Route {
  /** `webhooks.create`, `batches.get`, …: its name in the ledger and in `api.faults`. */
  readonly method: string;
  readonly http: string;
  /** A custom verb is a separate last segment: `/batches/:id/~cancel` is `/batches/{id}:cancel`. */
  readonly path: string;
  /** Returns a `Response`, an object that is sent as JSON, or nothing, sent as `{}`. Throws an `ApiError`. */
  readonly handle: (context: SimulatorContext) => unknown;
  /** Returns true for a request that needs no credentials. Default: every request needs them. */
  readonly isOpen?: ((context: SimulatorContext) => boolean) | undefined;
}

/** A route of a request such as `GET /batches/:id`. */
export function route(method: string, request: string, handle: Route['handle'], isOpen?: Route['isOpen']): Route {
  const [http = '', path = ''] = request.split(' ');
  return { method, http, path, handle, isOpen };
}

/** Hono anchors only the ends of a pattern, so alternatives need a group. */
export const VERSION = '/:version{v1(?:beta)?}';
export const JSON_TYPE = 'application/json; charset=UTF-8';

/** The path to route on: `…/abc:cancel` becomes `…/abc/~cancel`, split at the last colon of the last segment. */
export function routedPath(request: Request): string {
  const path = new URL(request.url).pathname.replaceAll(/%3a/gi, ':');
  return path.replace(/:([^/:]+)$/, '/~$1');
}

export function unknownPath({ req }: SimulatorContext): ApiError {
  return new ApiError('NOT_FOUND', `Nothing at ${req.method} ${new URL(req.url).pathname}`);
}

export function parameter(context: SimulatorContext, name = 'id'): string {
  return context.req.param(name) ?? '';
}

/** Parses the request's JSON. An empty body counts as `{}`, with any content type. */
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

/** One page of a list, and the token of the next page unless this is the last (docs/gemini-wire.md 1.15). */
export function page<T>({ req }: SimulatorContext, items: readonly T[]): { items: T[]; next: string | undefined } {
  const size = req.query('pageSize') ?? req.query('page_size');
  const token = req.query('pageToken') ?? req.query('page_token');
  const query = checked(pageQuery, { size, token: token === '' ? undefined : token });
  const start = Number(query.token?.slice(1) ?? 0);
  const end = start + Math.min(query.size === 0 ? DEFAULT_PAGE_SIZE : query.size, LONGEST_PAGE);
  return { items: items.slice(start, end), next: end < items.length ? `p${end}` : undefined };
}
