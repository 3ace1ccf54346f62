import { copyFileSync } from 'node:fs';
import { defineConfig } from 'rolldown';

// The licence of the repository is that of the package.
copyFileSync('../LICENSE', 'LICENSE');

/** Builds the JavaScript of the npm package; libraries stay dependencies. */
export default defineConfig({
  input: 'main.ts',
  platform: 'node',
  external: (id) => /^[a-z@]/.test(id),
  output: { dir: 'dist', cleanDir: true },
});
