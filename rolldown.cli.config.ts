import { defineConfig } from 'rolldown';

/**
 * The command line and `gemini-callbacks/messages` with everything that they need, for installations from a package:
 * Node.js strips no types inside `node_modules`. Each command's libraries stand in their own chunk, loaded when the command runs.
 */
export default defineConfig({
  input: { main: 'cli/main.ts', messages: 'schemas/parse.ts' },
  platform: 'node',
  transform: { define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' } },
  output: {
    dir: 'dist-cli',
    format: 'esm',
    minify: true,
    entryFileNames: '[name].mjs',
    chunkFileNames: '[name]-[hash].mjs',
    cleanDir: true,
  },
});
