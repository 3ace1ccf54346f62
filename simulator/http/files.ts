import type { Core } from '../core.ts';
import { page, parameter } from './route.ts';
import type { Route } from './route.ts';

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
