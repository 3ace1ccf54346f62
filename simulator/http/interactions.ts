import type { Core } from '../core.ts';
import type { Interaction } from '../interactions.ts';
import { interactionEvents } from '../interactionStream.ts';
import { jsonBody, parameter } from './route.ts';
import type { Route, SimulatorContext } from './route.ts';

export function interactionRoutes({ interactions, ledger, closing }: Core): Route[] {
  const stream = (c: SimulatorContext, interaction: Interaction): Response => {
    const signal = AbortSignal.any([c.req.raw.signal, closing.signal]);
    const events = interactionEvents(interactions, interaction, ledger, signal);
    const body = ReadableStream.from<Uint8Array>(encoded(events, c.req.query('last_event_id')));
    return new Response(body, { headers: { 'content-type': 'text/event-stream; charset=UTF-8' } });
  };
  return [
    {
      method: 'interactions.create',
      http: 'POST',
      path: '/interactions',
      handle: async (c) => {
        const interaction = interactions.create(await jsonBody(c));
        return interaction.given.stream
          ? stream(c, interaction)
          : interactions.resource(interaction, { created: true });
      },
    },
    {
      method: 'interactions.get',
      http: 'GET',
      path: '/interactions/:id',
      handle: (c) => {
        const interaction = interactions.get(parameter(c, 'id'));
        if (c.req.query('stream') === 'true') return stream(c, interaction);
        return interactions.resource(interaction, { includeInput: c.req.query('include_input') === 'true' });
      },
    },
    {
      method: 'interactions.cancel',
      http: 'POST',
      path: '/interactions/:id/cancel',
      handle: (c) => interactions.resource(interactions.cancel(parameter(c, 'id'))),
    },
    {
      method: 'interactions.delete',
      http: 'DELETE',
      path: '/interactions/:id',
      handle: (c) => {
        interactions.delete(parameter(c, 'id'));
        return {};
      },
    },
  ];
}

export function videoRoutes({ videos }: Core): Route[] {
  return [
    {
      method: 'videos.create',
      http: 'POST',
      path: '/models/:model/~predictLongRunning',
      handle: async (c) => ({ name: videos.create(parameter(c, 'model'), await jsonBody(c)) }),
    },
    {
      method: 'operations.get',
      http: 'GET',
      path: '/models/:model/operations/:id',
      handle: (c) => videos.resource(`models/${parameter(c, 'model')}/operations/${parameter(c, 'id')}`),
    },
  ];
}

/** Server-sent events that follow the one with `lastEventId`, then the end marker that the SDKs expect. */
async function* encoded(events: AsyncIterable<object>, lastEventId: string | undefined): AsyncGenerator<Uint8Array> {
  let isSent = lastEventId === undefined;
  for await (const event of events) {
    const { event_type: type, event_id: id } = event as { event_type: string; event_id: string };
    if (isSent) yield Buffer.from(`event: ${type}\ndata: ${JSON.stringify(event)}\n\n`);
    isSent ||= id === lastEventId;
  }
  yield Buffer.from('event: done\ndata: [DONE]\n\n');
}
