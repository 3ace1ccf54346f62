import { defineConfig } from 'rolldown';

/**
 * The command line with everything that it needs, for installations from a package: Node.js strips no types inside
 * `node_modules`. Each command's libraries stand in their own chunk, loaded when the command runs.
 */
export default defineConfig({
  input: 'cli/main.ts',
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
