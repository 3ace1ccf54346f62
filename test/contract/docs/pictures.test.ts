import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { COMMAND, statusOutput } from '../../../tools/pictures/status.ts';
import { linesOf, terminalSvg, THEMES } from '../../../tools/pictures/terminalSvg.ts';

const IMAGES = join(import.meta.dirname, '../../../docs/images');

/** The text without what differs from run to run: ages, tokens, and the webhook's id. */
function shapeOf(lines: readonly string[]): readonly string[] {
  return lines.map((line) =>
    line
      .replace(/^(webhook +)\w{20,} /, '$1ID ')
      .replaceAll(/\d+/g, 'N')
      .trimEnd(),
  );
}

test('the pictures of status show what the command prints today', async () => {
  const printed = [`$ ${COMMAND}`, ...(await statusOutput()).trimEnd().split('\n')];
  expect(printed.length).toBeGreaterThan(8);
  for (const name of ['status.svg', 'status-dark.svg']) {
    const shown = linesOf(readFileSync(join(IMAGES, name), 'utf8'));
    expect(shapeOf(shown), `${name}: draw it again, npm run pictures`).toEqual(shapeOf(printed));
  }
});

test('a picture has every line of the output as text', () => {
  const output = 'a  <b> & "c"\n\n  - d\n';
  expect(linesOf(terminalSvg('run', output, THEMES.dark))).toEqual(['$ run', 'a  <b> & "c"', '', '  - d']);
});
