import type { BatchMethod } from '../batchRequests.ts';
import type { Core } from '../core.ts';
import { jsonBody, page, parameter } from './route.ts';
import type { Route, SimulatorContext } from './route.ts';

/** The largest body of a create request (docs/gemini-wire.md 11). */
const LARGEST_INLINE_BYTES = 20 * 1024 * 1024;

export function batchRoutes({ batches }: Core): Route[] {
  const create = (method: BatchMethod) => async (c: SimulatorContext) => {
    const body = await jsonBody(c, LARGEST_INLINE_BYTES);
    return batches.resource(batches.create(parameter(c, 'model'), body, method));
  };
  return [
    {
      method: 'batches.create',
      http: 'POST',
      path: '/models/:model/~batchGenerateContent',
      handle: create('generateContent'),
    },
    {
      method: 'batches.createEmbeddings',
      http: 'POST',
      path: '/models/:model/~asyncBatchEmbedContent',
      handle: create('embedContent'),
    },
    {
      method: 'batches.list',
      http: 'GET',
      path: '/batches',
      handle: (c) => {
        const { items, next } = page(batches.list(), c.req.query('pageSize'), c.req.query('pageToken'));
        return { operations: items.map((batch) => batches.resource(batch, true)), nextPageToken: next };
      },
    },
    {
      method: 'batches.get',
      http: 'GET',
      path: '/batches/:id',
      handle: (c) => batches.resource(batches.get(parameter(c, 'id'))),
    },
    {
      method: 'batches.cancel',
      http: 'POST',
      path: '/batches/:id/~cancel',
      handle: (c) => {
        batches.cancel(parameter(c, 'id'));
        return {};
      },
    },
    {
      method: 'batches.delete',
      http: 'DELETE',
      path: '/batches/:id',
      handle: (c) => {
        batches.delete(parameter(c, 'id'));
        return {};
      },
    },
  ];
}
