import type { BatchMethod } from '../jobs/batchRequests.ts';
import type { Core } from '../core.ts';
import { jsonBody, page, parameter, route } from './route.ts';
import type { Route, SimulatorContext } from './route.ts';

/** The largest body of a create request (docs/gemini-wire.md 11). */
const LARGEST_INLINE_BYTES = 20 * 1024 * 1024;

export function batchRoutes({ batches }: Core): Route[] {
  const create = (method: BatchMethod) => async (c: SimulatorContext) => {
    const body = await jsonBody(c, LARGEST_INLINE_BYTES);
    return batches.resource(batches.create(parameter(c, 'model'), body, method));
  };
  const list = (c: SimulatorContext) => {
    const { items, next } = page(c, batches.list());
    return { operations: items.map((batch) => batches.resource(batch, true)), nextPageToken: next };
  };
  return [
    route('batches.create', 'POST /models/:model/~batchGenerateContent', create('generateContent')),
    route('batches.createEmbeddings', 'POST /models/:model/~asyncBatchEmbedContent', create('embedContent')),
    route('batches.list', 'GET /batches', list),
    route('batches.get', 'GET /batches/:id', (c) => batches.resource(batches.get(parameter(c)))),
    route('batches.cancel', 'POST /batches/:id/~cancel', (c) => batches.cancel(parameter(c))),
    route('batches.delete', 'DELETE /batches/:id', (c) => batches.delete(parameter(c))),
  ];
}
