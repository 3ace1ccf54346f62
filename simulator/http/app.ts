import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import { ZodError } from 'zod';
import type { Core } from '../core.ts';
import { ApiError } from '../errors.ts';
import type { ApiFault } from '../settings.ts';
import { adminApp } from './admin.ts';
import { batchRoutes } from './batches.ts';
import { cutOff, downloadRoutes } from './download.ts';
import { ApiFaults } from './faults.ts';
import { fileRoutes } from './files.ts';
import { interactionRoutes, videoRoutes } from './interactions.ts';
import { jwksRoute } from './jwks.ts';
import { pageApp } from './page.ts';
import { JSON_TYPE, routedPath, VERSION } from './route.ts';
import type { Route, SimulatorContext } from './route.ts';
import { uploadRoutes } from './upload.ts';
import { webhookRoutes } from './webhooks.ts';

export type App = Hono<{ Bindings: HttpBindings }>;

/** All paths of the simulator: the API under both versions, JWKS, admin, page. */
export function createApp(core: Core): App {
  const app: App = new Hono({ getPath: routedPath });
  const faults = new ApiFaults(core);
  const add = (prefix: string, routes: readonly Route[], needsKey = true) => {
    for (const route of routes) {
      app.on(route.http, prefix + route.path, async (c) => await serve(core, faults, route, c, needsKey));
    }
  };
  const downloads = downloadRoutes(core);
  add(VERSION, [...webhookRoutes(core), ...batchRoutes(core), ...fileRoutes(core), ...downloads]);
  add(VERSION, [...interactionRoutes(core), ...videoRoutes(core)]);
  add(`/upload${VERSION}`, uploadRoutes(core));
  add(`/download${VERSION}`, downloads);
  add('', [jwksRoute(core, faults)], false);
  app.route('/admin', adminApp(core));
  app.route('/', pageApp());
  app.notFound((c) => errorAnswer(new ApiError('NOT_FOUND', `Nothing at ${c.req.method} ${c.req.path}`)));
  app.onError((error) => errorAnswer(error));
  return app;
}

async function serve(
  core: Core,
  faults: ApiFaults,
  route: Route,
  c: SimulatorContext,
  needsKey: boolean,
): Promise<Response> {
  const fault = faults.next(route.method, c.req.header('range') !== undefined);
  await faults.slowDown(fault?.latencyMillis ?? 0);
  const answer = await answerOf(core, route, c, needsKey, fault).catch(errorAnswer);
  const lost = fault?.loseAnswer === true;
  core.ledger.request({
    method: route.method,
    path: new URL(c.req.url).pathname,
    status: lost ? undefined : answer.status,
  });
  if (lost) return cutConnection(c);
  return fault?.cutAfterBytes === undefined ? answer : cutOff(c, answer, fault.cutAfterBytes);
}

async function answerOf(
  core: Core,
  route: Route,
  c: SimulatorContext,
  needsKey: boolean,
  fault: ApiFault | undefined,
): Promise<Response> {
  if (fault?.status !== undefined) return faultAnswer({ ...fault, status: fault.status });
  if (needsKey) checkKey(core.settings.get().api.key, c.req.header('x-goog-api-key') ?? c.req.query('key'));
  if (fault?.body !== undefined) return new Response(fault.body, { headers: { 'content-type': JSON_TYPE } });
  const answer = await route.handle(c);
  return answer instanceof Response ? answer : jsonAnswer(answer);
}

function checkKey(validKey: string | null, key: string | undefined): void {
  if (key === undefined || key === '') {
    throw new ApiError('PERMISSION_DENIED', "Method doesn't allow unregistered callers. Please use API Key.");
  }
  if (validKey !== null && key !== validKey) {
    throw new ApiError('INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.');
  }
}

function jsonAnswer(body: object, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { ...headers, 'content-type': JSON_TYPE } });
}

function faultAnswer({
  status,
  rpcStatus,
  message,
  reason,
  retryAfterSeconds,
}: ApiFault & { status: number }): Response {
  const headers = retryAfterSeconds === undefined ? undefined : { 'retry-after': String(retryAfterSeconds) };
  const info = { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'googleapis.com' };
  const details = reason === undefined ? [] : [info];
  const { error } = new ApiError(status, message ?? `A fault answers ${status}.`, details).toJSON();
  return jsonAnswer({ error: { ...error, status: rpcStatus ?? error.status } }, status, headers);
}

function errorAnswer(error: unknown): Response {
  const known = asApiError(error);
  return jsonAnswer(known, known.code);
}

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof ZodError) return new ApiError('INVALID_ARGUMENT', error.message);
  console.error(error);
  return new ApiError('INTERNAL', error instanceof Error ? error.message : String(error));
}

function cutConnection(c: SimulatorContext): Response {
  c.env.incoming.socket.destroy();
  return RESPONSE_ALREADY_SENT;
}
