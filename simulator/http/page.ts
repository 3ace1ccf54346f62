import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { Hono } from 'hono';

const FOLDER = new URL('../page/', import.meta.url);
const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

/** Serves the page: `index.html` at `/`, its other files by name. */
export function pageApp(): Hono {
  const app = new Hono();
  for (const file of readdirSync(FOLDER)) {
    app.get(file === 'index.html' ? '/' : `/${file}`, async (c) => {
      const headers = {
        'content-type': `${TYPES[extname(file)] ?? 'application/octet-stream'}; charset=UTF-8`,
        'content-security-policy': "default-src 'self'; img-src data:",
      };
      return c.body(await readFile(new URL(file, FOLDER), 'utf8'), 200, headers);
    });
  }
  return app;
}
