import { defineConfig } from 'rolldown';

/**
 * One file starts faster than hundreds; what only some functions need is in files of its own, loaded when it is needed.
 * The Framework stays outside, for its registry is shared.
 */
export default defineConfig({
  input: 'functions/index.ts',
  platform: 'node',
  external: ['@google-cloud/functions-framework'],
  output: {
    dir: 'dist',
    format: 'cjs',
    minify: true,
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name].cjs',
    cleanDir: true,
  },
});
