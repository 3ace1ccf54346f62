import { readFile } from 'node:fs/promises';
import { Hono } from 'hono';

const FILES = {
  '/': ['index.html', 'text/html'],
  '/page.js': ['page.js', 'text/javascript'],
  '/style.css': ['style.css', 'text/css'],
} as const;

/** The page a developer has open beside the terminal. */
export function pageApp(): Hono {
  const app = new Hono();
  for (const [path, [file, type]] of Object.entries(FILES)) {
    app.get(path, async (c) => {
      const text = await readFile(new URL(`../page/${file}`, import.meta.url), 'utf8');
      const headers = {
        'content-type': `${type}; charset=UTF-8`,
        'content-security-policy': "default-src 'self'; img-src data:",
      };
      return c.body(text, 200, headers);
    });
  }
  return app;
}
