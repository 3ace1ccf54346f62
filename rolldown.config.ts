import { defineConfig } from 'rolldown';

/** One file for all functions: it starts faster than hundreds. The Framework stays outside, for its registry is shared. */
export default defineConfig({
  input: 'functions/index.ts',
  platform: 'node',
  external: ['@google-cloud/functions-framework'],
  output: { file: 'dist/index.cjs', format: 'cjs', minify: true, codeSplitting: false },
});
