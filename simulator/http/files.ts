import { z } from 'zod';
import type { Core } from '../core.ts';
import { checked } from '../errors.ts';
import { jsonBody, page, parameter, route } from './route.ts';
import type { Route, SimulatorContext } from './route.ts';

const registration = z.strictObject({ uris: z.array(z.string().regex(/^gs:\/\/[^/]+\/.+/, 'not a gs:// URI')).min(1) });

export function fileRoutes({ files }: Core): Route[] {
  const list = (c: SimulatorContext) => {
    const { items, next } = page(c, files.list());
    return { files: items.map((file) => files.resource(file)), nextPageToken: next };
  };
  const register = async (c: SimulatorContext) => {
    const { uris } = checked(registration, await jsonBody(c));
    return { files: uris.map((uri) => files.resource(files.addRegistered(uri))) };
  };
  return [
    route('files.list', 'GET /files', list),
    route('files.registerFiles', 'POST /files/~register', register),
    route('files.get', 'GET /files/:id', (c) => files.resource(files.getById(parameter(c)))),
    route('files.delete', 'DELETE /files/:id', (c) => files.delete(parameter(c))),
  ];
}
