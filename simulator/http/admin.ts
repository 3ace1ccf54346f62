import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { z } from 'zod';
import { isoTime } from '../clock.ts';
import { linesContent, linesSpecSchema } from '../files/content.ts';
import type { Core } from '../core.ts';
import { ApiError, checked } from '../errors.ts';
import { outcomeSchema } from '../jobs/job.ts';
import { ATTEMPT_FAULTS } from '../ledger.ts';
import { overview } from '../overview.ts';
import { jobResults } from '../results.ts';
import { SettingsPatchSchema } from '../settings.ts';
import { duration } from '../settings/setting.ts';
import { endpointUris, userMetadata } from '../webhooks/webhooks.ts';
import { jsonBody } from './route.ts';

const nothing = z.strictObject({});

/** The bodies of all admin requests; `GET /admin` returns them as JSON schemas. */
const REQUESTS = {
  'GET /settings': nothing.describe('The settings in force.'),
  'PATCH /settings': SettingsPatchSchema.describe('Changes any part of the settings.'),
  'GET /overview': nothing.describe('The state that the page shows.'),
  'GET /ledger': nothing.describe('Every job, event, delivery and request.'),
  'GET /stream': nothing.describe('Server-sent events: one `change` for each entry of the ledger.'),
  'POST /clock/advance': z
    .strictObject({ millis: duration })
    .describe('Moves time forward and answers after all work that fell due.'),
  'POST /jobs/finish': z
    .strictObject({ name: z.string(), outcome: outcomeSchema.optional() })
    .describe('Ends a job now, by default as it would have ended.'),
  'POST /jobs/results': z
    .strictObject({ name: z.string() })
    .describe('The resource and the output of a job, shortened.'),
  'POST /deliveries/redeliver': z
    .strictObject({ webhookId: z.string(), fault: z.enum(ATTEMPT_FAULTS).optional() })
    .describe('Makes one more attempt of the deliveries with this webhook-id.'),
  'POST /deliveries/reorder': z
    .strictObject({ webhookId: z.string() })
    .describe('Sends the next delivery to the same URI again, then this one.'),
  'POST /webhooks/ping': z.strictObject({ id: z.string() }).describe('Pings a registered webhook.'),
  'POST /events': z
    .strictObject({
      type: z.string().min(1),
      data: z.record(z.string(), z.unknown()).default({}),
      webhookConfig: z.strictObject({ uris: endpointUris, userMetadata: userMetadata.optional() }).optional(),
    })
    .describe('Sends an event of any type to the given URIs, or else to the webhooks that subscribed to it.'),
  'POST /files': linesSpecSchema
    .extend({ name: z.string().startsWith('files/').optional() })
    .describe('Registers a generated file of any size, made while it is read.'),
  'POST /jwks/rotate': nothing.describe('Replaces the oldest key with a new one, which signs from then on.'),
  'POST /jwks/remove': z.strictObject({ kid: z.string() }).describe('Stops publishing a key.'),
  'POST /jwks/sign-with': z.strictObject({ kid: z.string() }).describe('Signs with this key, published or not.'),
} as const;

type Requests = typeof REQUESTS;
type JsonRequest = Exclude<keyof Requests, 'GET /stream'>;
type Handlers = { readonly [R in JsonRequest]: (body: z.output<Requests[R]>) => object | Promise<object> };

/** The admin API, for tests in any language and for the page. */
export function adminApp(core: Core): Hono<{ Bindings: HttpBindings }> {
  const app = new Hono<{ Bindings: HttpBindings }>();
  const handlers = adminHandlers(core);
  for (const request of Object.keys(handlers) as JsonRequest[]) {
    const [method = '', path = ''] = request.split(' ');
    const handle = handlers[request] as (body: unknown) => object | Promise<object>;
    app.on(method, path, async (c) => {
      if (method !== 'GET') requireJson(c.req.header('content-type'));
      const body = method === 'GET' ? {} : checked(REQUESTS[request], await jsonBody(c));
      return c.json(await handle(body));
    });
  }
  app.get('/stream', (c) => streamSSE(c, async (stream) => await streamChanges(core, stream)));
  app.get('/', (c) => c.json(description()));
  return app;
}

function adminHandlers(core: Core): Handlers {
  const { clock, random, settings, ledger, keys, jobs, files, webhooks, deliveries } = core;
  const now = () => ({ now: isoTime(clock.now()) });
  const done = (action: () => void) => {
    action();
    return {};
  };
  return {
    'GET /settings': () => settings.get(),
    'PATCH /settings': (patch) => settings.patch(patch),
    'GET /overview': () => overview(core),
    'GET /ledger': () => {
      const { jobs: changes, events, deliveries: sent, requests } = ledger;
      return { seed: random.seed, jobs: changes, events, deliveries: sent, requests };
    },
    'POST /clock/advance': async ({ millis }) => {
      await clock.advance(millis);
      return now();
    },
    'POST /jobs/finish': async ({ name, outcome }) => {
      jobs.finish(name, outcome);
      await clock.advance(0);
      return now();
    },
    'POST /jobs/results': ({ name }) => jobResults(core, name),
    'POST /deliveries/redeliver': async ({ webhookId, fault }) => {
      await deliveries.redeliver(webhookId, fault);
      return now();
    },
    'POST /deliveries/reorder': async ({ webhookId }) => {
      await deliveries.reorder(webhookId);
      return now();
    },
    'POST /webhooks/ping': async ({ id }) => {
      const { webhookId } = deliveries.ping(webhooks.get(id));
      await clock.advance(0);
      return { webhookId };
    },
    'POST /events': async (event) => {
      deliveries.emit(event);
      await clock.advance(0);
      return now();
    },
    'POST /files': ({ name, ...spec }) =>
      files.resource(files.addGenerated(linesContent(spec, random), 'application/jsonl', name)),
    'POST /jwks/rotate': () => ({ kid: keys.rotate() }),
    'POST /jwks/remove': ({ kid }) => done(() => keys.remove(kid)),
    'POST /jwks/sign-with': ({ kid }) => done(() => keys.signWith(kid)),
  };
}

function description(): object {
  const entries = Object.entries(REQUESTS).map(([request, schema]) => [
    request.replace(' ', ' /admin'),
    z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }),
  ]);
  return Object.fromEntries(entries) as object;
}

/** Keeps other sites' pages out: browsers send this content type across origins only after a preflight request. */
function requireJson(contentType: string | undefined): void {
  if (contentType?.startsWith('application/json') === true) return;
  throw new ApiError('INVALID_ARGUMENT', 'Admin requests need content-type: application/json');
}

/** Sends one message for each entry of the ledger, until the client or the simulator closes. */
async function streamChanges({ ledger, closing }: Core, stream: Parameters<Parameters<typeof streamSSE>[1]>[0]) {
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const unsubscribe = ledger.subscribe(({ what }) => void stream.writeSSE({ event: 'change', data: what }));
  stream.onAbort(end);
  closing.signal.addEventListener('abort', () => end(), { once: true });
  await stream.writeSSE({ event: 'change', data: 'start' });
  await ended;
  unsubscribe();
}
