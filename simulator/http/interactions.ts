import type { Core } from '../core.ts';
import { jsonBody, parameter } from './route.ts';
import type { Route } from './route.ts';

export function interactionRoutes({ interactions }: Core): Route[] {
  return [
    {
      method: 'interactions.create',
      http: 'POST',
      path: '/interactions',
      handle: async (c) => interactions.resource(interactions.create(await jsonBody(c)), { created: true }),
    },
    {
      method: 'interactions.get',
      http: 'GET',
      path: '/interactions/:id',
      handle: (c) => {
        const includeInput = c.req.query('include_input') === 'true';
        return interactions.resource(interactions.get(parameter(c, 'id')), { includeInput });
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
