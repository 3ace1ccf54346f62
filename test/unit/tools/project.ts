import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Plugin, rolldown } from 'rolldown';

/** Bundles `index.js` of a temporary project with one plugin, and returns the code. */
export async function buildWith(plugin: Plugin, files: Readonly<Record<string, string | object>>): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'build-'));
  try {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), typeof content === 'string' ? content : JSON.stringify(content));
    }
    const bundle = await rolldown({ input: join(folder, 'index.js'), plugins: [plugin], logLevel: 'silent' });
    const { output } = await bundle.generate({ format: 'esm' });
    return output[0].code;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
