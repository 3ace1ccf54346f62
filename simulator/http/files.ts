import { z } from 'zod';
import type { Core } from '../core.ts';
import { checked } from '../errors.ts';
import { jsonBody, page, parameter } from './route.ts';
import type { Route } from './route.ts';

const registration = z.strictObject({ uris: z.array(z.string().regex(/^gs:\/\/[^/]+\/.+/, 'not a gs:// URI')).min(1) });

export function fileRoutes({ files }: Core): Route[] {
  return [
    {
      method: 'files.list',
      http: 'GET',
      path: '/files',
      handle: (c) => {
        const { items, next } = page(files.list(), c.req.query('pageSize'), c.req.query('pageToken'));
        return { files: items.map((file) => files.resource(file)), nextPageToken: next };
      },
    },
    {
      method: 'files.registerFiles',
      http: 'POST',
      path: '/files/~register',
      handle: async (c) => {
        const { uris } = checked(registration, await jsonBody(c));
        return { files: uris.map((uri) => files.resource(files.addRegistered(uri))) };
      },
    },
    {
      method: 'files.get',
      http: 'GET',
      path: '/files/:id',
      handle: (c) => files.resource(files.getById(parameter(c, 'id'))),
    },
    {
      method: 'files.delete',
      http: 'DELETE',
      path: '/files/:id',
      handle: (c) => {
        files.delete(parameter(c, 'id'));
        return {};
      },
    },
  ];
}
