import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMMAND, statusOutput } from './status.ts';
import { drawSimulatorPage } from './simulatorPage.ts';
import { terminalSvg, THEMES } from './terminalSvg.ts';

const FOLDER = join(import.meta.dirname, '../../docs/images');

/** Draws the pictures of the documentation, of the terminal and of the simulator's page: `npm run pictures`. */
const output = await statusOutput();
for (const [name, theme] of Object.entries(THEMES)) {
  const path = join(FOLDER, name === 'light' ? 'status.svg' : `status-${name}.svg`);
  writeFileSync(path, terminalSvg(COMMAND, output, theme));
  console.log(path);
}
await drawSimulatorPage((scheme) => join(FOLDER, scheme === 'light' ? 'simulator.png' : 'simulator-dark.png'));
process.exit();
