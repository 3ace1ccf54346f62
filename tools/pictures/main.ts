import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMMAND, statusOutput } from './status.ts';
import { terminalSvg, THEMES } from './terminalSvg.ts';

const FOLDER = join(import.meta.dirname, '../../docs/images');

/** Draws the terminal's pictures of the documentation: `npm run pictures`. */
const output = await statusOutput();
for (const [name, theme] of Object.entries(THEMES)) {
  const path = join(FOLDER, name === 'light' ? 'status.svg' : `status-${name}.svg`);
  writeFileSync(path, terminalSvg(COMMAND, output, theme));
  console.log(path);
}
process.exit();
