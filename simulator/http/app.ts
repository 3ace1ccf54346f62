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
import { modelRoutes } from './models.ts';
import { pageApp } from './page.ts';
import { JSON_TYPE, routedPath, unknownPath, VERSION } from './route.ts';
import type { Route, SimulatorContext } from './route.ts';
import { uploadRoutes } from './upload.ts';
import { webhookRoutes } from './webhooks.ts';

/** Paths of the Gemini API. Those without a route are answered as unimplemented, any other path as unknown. */
const UNSERVED =
  /^\/(upload\/|download\/)?(v1|v1beta)\/(models|tunedModels|cachedContents|corpora|fileSearchStores|batches|files|generatedFiles|interactions|webhooks|agents|credentials|decisions|environments|triggers|voices)([/:]|$)/;

type App = Hono<{ Bindings: HttpBindings }>;

/** All paths of the simulator: the API under both versions, JWKS, admin, page. */
export function createApp(core: Core): App {
  const app: App = new Hono({ getPath: routedPath });
  const faults = new ApiFaults(core);
  const add = (prefix: string, routes: readonly Route[]) => {
    for (const route of routes) {
      app.on(route.http, prefix + route.path, async (c) => await serve(core, faults, route, c));
    }
  };
  const downloads = downloadRoutes(core);
  add(VERSION, [...webhookRoutes(core), ...batchRoutes(core), ...fileRoutes(core), ...downloads]);
  add(VERSION, [...interactionRoutes(core), ...videoRoutes(core), ...modelRoutes(core)]);
  add(`/upload${VERSION}`, uploadRoutes(core));
  add(`/download${VERSION}`, downloads);
  add('', [jwksRoute(core, faults)]);
  app.route('/admin', adminApp(core));
  app.route('/', pageApp());
  app.notFound((c) => errorAnswer(UNSERVED.test(new URL(c.req.url).pathname) ? unimplemented(c) : unknownPath(c)));
  app.onError((error) => errorAnswer(error));
  return app;
}

async function serve(core: Core, faults: ApiFaults, route: Route, c: SimulatorContext): Promise<Response> {
  const fault = faults.next(route.method, c.req.header('range') !== undefined);
  await faults.slowDown(fault?.latencyMillis ?? 0);
  const answer = await answerOf(core, route, c, fault).catch(errorAnswer);
  const lost = fault?.loseAnswer === true;
  core.ledger.request({
    method: route.method,
    path: new URL(c.req.url).pathname,
    status: lost ? undefined : answer.status,
  });
  if (lost) return cutConnection(c);
  return fault?.cutAfterBytes === undefined ? answer : cutOff(c, answer, fault.cutAfterBytes);
}

async function answerOf(core: Core, route: Route, c: SimulatorContext, fault: ApiFault | undefined): Promise<Response> {
  if (fault?.status !== undefined) return faultAnswer({ ...fault, status: fault.status });
  if (route.isOpen?.(c) !== true) checkCredentials(core.settings.get().api.key, c);
  if (fault?.body !== undefined) return new Response(fault.body, { headers: { 'content-type': JSON_TYPE } });
  const answer = await route.handle(c);
  return answer instanceof Response ? answer : jsonAnswer(answer ?? {});
}

/** Accepts an API key in the header or the query, and any bearer token. */
function checkCredentials(validKey: string | null, { req }: SimulatorContext): void {
  if (/^bearer \S/i.test(req.header('authorization') ?? '')) return;
  const key = req.header('x-goog-api-key') ?? req.query('key');
  if (key === undefined || key === '') {
    throw new ApiError('PERMISSION_DENIED', "Method doesn't allow unregistered callers. Please use API Key.");
  }
  if (validKey !== null && key !== validKey) {
    throw new ApiError('INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.');
  }
}

function unimplemented({ req }: SimulatorContext): ApiError {
  const served = 'It serves webhooks, batches, interactions, Veo operations, files and models.generateContent.';
  const request = `${req.method} ${new URL(req.url).pathname}`;
  return new ApiError('UNIMPLEMENTED', `The Gemini API simulator does not implement ${request}. ${served}`);
}

function jsonAnswer(body: object, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { ...headers, 'content-type': JSON_TYPE } });
}

function faultAnswer(fault: ApiFault & { status: number }): Response {
  const { status, rpcStatus, message, reason, retryAfterSeconds } = fault;
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
