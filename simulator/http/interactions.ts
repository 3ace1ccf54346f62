import type { Core } from '../core.ts';
import type { Interaction } from '../jobs/interactions.ts';
import { interactionEvents } from '../jobs/interactionStream.ts';
import { jsonBody, parameter, route } from './route.ts';
import type { Route, SimulatorContext } from './route.ts';

export function interactionRoutes({ interactions, ledger, closing }: Core): Route[] {
  const stream = (c: SimulatorContext, interaction: Interaction): Response => {
    const signal = AbortSignal.any([c.req.raw.signal, closing.signal]);
    const events = interactionEvents(interactions, interaction, ledger, signal);
    const body = ReadableStream.from<Uint8Array>(encoded(events, c.req.query('last_event_id')));
    return new Response(body, { headers: { 'content-type': 'text/event-stream; charset=UTF-8' } });
  };
  const create = async (c: SimulatorContext) => {
    const interaction = interactions.create(await jsonBody(c));
    return interaction.given.stream ? stream(c, interaction) : interactions.resource(interaction, { created: true });
  };
  const get = (c: SimulatorContext) => {
    const interaction = interactions.get(parameter(c));
    if (c.req.query('stream') === 'true') return stream(c, interaction);
    return interactions.resource(interaction, { includeInput: c.req.query('include_input') === 'true' });
  };
  const cancel = (c: SimulatorContext) => interactions.resource(interactions.cancel(parameter(c)));
  return [
    route('interactions.create', 'POST /interactions', create),
    route('interactions.get', 'GET /interactions/:id', get),
    route('interactions.cancel', 'POST /interactions/:id/cancel', cancel),
    route('interactions.delete', 'DELETE /interactions/:id', (c) => interactions.delete(parameter(c))),
  ];
}

export function videoRoutes({ videos }: Core): Route[] {
  const create = async (c: SimulatorContext) => ({ name: videos.create(parameter(c, 'model'), await jsonBody(c)) });
  const get = (c: SimulatorContext) => videos.resource(`models/${parameter(c, 'model')}/operations/${parameter(c)}`);
  return [
    route('videos.create', 'POST /models/:model/~predictLongRunning', create),
    route('operations.get', 'GET /models/:model/operations/:id', get),
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
