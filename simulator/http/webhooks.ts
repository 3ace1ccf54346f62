import type { Core } from '../core.ts';
import { jsonBody, page, parameter, unknownPath } from './route.ts';
import type { Route, SimulatorContext } from './route.ts';

export function webhookRoutes({ webhooks, deliveries, settings }: Core): Route[] {
  const rotate = async (c: SimulatorContext) => ({ secret: webhooks.rotate(parameter(c, 'id'), await jsonBody(c)) });
  const routes: Route[] = [
    {
      method: 'webhooks.create',
      http: 'POST',
      path: '/webhooks',
      handle: async (c) => {
        const { webhook, secret } = webhooks.create(await jsonBody(c), c.req.query('webhook_id'));
        return { ...webhooks.resource(webhook), new_signing_secret: secret };
      },
    },
    {
      method: 'webhooks.list',
      http: 'GET',
      path: '/webhooks',
      handle: (c) => {
        const { items, next } = page(webhooks.list(), c.req.query('page_size'), c.req.query('page_token'));
        return { webhooks: items.map((webhook) => webhooks.resource(webhook)), next_page_token: next };
      },
    },
    {
      method: 'webhooks.get',
      http: 'GET',
      path: '/webhooks/:id',
      handle: (c) => webhooks.resource(webhooks.get(parameter(c, 'id'))),
    },
    {
      method: 'webhooks.update',
      http: 'PATCH',
      path: '/webhooks/:id',
      handle: async (c) => webhooks.resource(webhooks.update(parameter(c, 'id'), await jsonBody(c))),
    },
    {
      method: 'webhooks.delete',
      http: 'DELETE',
      path: '/webhooks/:id',
      handle: (c) => {
        webhooks.delete(parameter(c, 'id'));
        return {};
      },
    },
    {
      method: 'webhooks.ping',
      http: 'POST',
      path: '/webhooks/:id/~ping',
      handle: (c) => {
        deliveries.ping(webhooks.get(parameter(c, 'id')));
        return {};
      },
    },
    {
      method: 'webhooks.rotateSigningSecret',
      http: 'POST',
      path: '/webhooks/:id/~rotateSigningSecret',
      handle: rotate,
    },
    { method: 'webhooks.rotateSigningSecret', http: 'POST', path: '/webhooks/:id/rotate_secret', handle: rotate },
  ];
  return routes.map((route) => ({
    method: route.method,
    http: route.http,
    path: route.path,
    handle: (c) => {
      if (parameter(c, 'version') === 'v1' && !settings.get().api.v1Webhooks) throw unknownPath(c);
      return route.handle(c);
    },
  }));
}
