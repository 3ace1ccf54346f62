import { defineConfig } from 'rolldown';

/** Builds the JavaScript of the npm package; libraries stay dependencies. */
export default defineConfig({
  input: 'main.ts',
  platform: 'node',
  external: (id) => /^[a-z@]/.test(id),
  output: { dir: 'dist', cleanDir: true },
});
