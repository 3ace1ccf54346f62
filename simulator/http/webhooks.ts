import type { Core } from '../core.ts';
import { jsonBody, page, parameter, route, unknownPath } from './route.ts';
import type { Route, SimulatorContext } from './route.ts';

export function webhookRoutes({ webhooks, deliveries, settings }: Core): Route[] {
  const create = async (c: SimulatorContext) => {
    const { webhook, secret } = webhooks.create(await jsonBody(c), c.req.query('webhook_id'));
    return { ...webhooks.resource(webhook), new_signing_secret: secret };
  };
  const list = (c: SimulatorContext) => {
    const { items, next } = page(c, webhooks.list());
    return { webhooks: items.map((webhook) => webhooks.resource(webhook)), next_page_token: next };
  };
  const get = (c: SimulatorContext) => webhooks.resource(webhooks.get(parameter(c)));
  const update = async (c: SimulatorContext) => webhooks.resource(webhooks.update(parameter(c), await jsonBody(c)));
  const ping = (c: SimulatorContext) => void deliveries.ping(webhooks.get(parameter(c)));
  const rotate = async (c: SimulatorContext) => ({ secret: webhooks.rotate(parameter(c), await jsonBody(c)) });
  const routes = [
    route('webhooks.create', 'POST /webhooks', create),
    route('webhooks.list', 'GET /webhooks', list),
    route('webhooks.get', 'GET /webhooks/:id', get),
    route('webhooks.update', 'PATCH /webhooks/:id', update),
    route('webhooks.delete', 'DELETE /webhooks/:id', (c) => webhooks.delete(parameter(c))),
    route('webhooks.ping', 'POST /webhooks/:id/~ping', ping),
    route('webhooks.rotateSigningSecret', 'POST /webhooks/:id/~rotateSigningSecret', rotate),
    route('webhooks.rotateSigningSecret', 'POST /webhooks/:id/rotate_secret', rotate),
  ];
  const served = (c: SimulatorContext) => parameter(c, 'version') !== 'v1' || settings.get().api.v1Webhooks;
  return routes.map(({ method, http, path, handle }) => {
    const guarded = (c: SimulatorContext) => {
      if (!served(c)) throw unknownPath(c);
      return handle(c);
    };
    return { method, http, path, handle: guarded };
  });
}
