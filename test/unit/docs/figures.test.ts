import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { alertConditions } from '../../../deploy/steps/monitoring.ts';

const ROOT = join(import.meta.dirname, '../../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** The first group of a pattern on a page, as a number. */
function figure(path: string, pattern: RegExp): number {
  const [, text] = pattern.exec(read(path)) ?? [];
  if (text === undefined) throw new Error(`${path} has no figure ${pattern}.`);
  return Number(text.replaceAll(',', ''));
}

test('README and the page of the deployment state the idle cost of all alerts', () => {
  const price = figure('docs/deploy.md', /\[\$([\d.]+) a condition\]/);
  const conditions = alertConditions();
  expect(figure('docs/deploy.md', /: \$([\d.]+) for \d+ /)).toBeCloseTo(conditions * price);
  expect(figure('docs/deploy.md', /: \$[\d.]+ for (\d+) /)).toBe(conditions);
  expect(figure('README.md', /about \$([\d.]+) a month/)).toBeCloseTo(conditions * price);
  expect(figure('README.md', /a month\]\([^)]*\), for the (\d+) conditions/)).toBe(conditions);
});

test('README states the cost of 100,000 callbacks that the page of the scale computes', () => {
  const sum = figure('docs/scale.md', /^\| sum .*\| +([\d.]+) +\|$/m);
  expect(figure('README.md', /\[about \$([\d.]+)\]\(docs\/scale\.md/)).toBeCloseTo(sum, 1);
});

test('the scale assumes at least the processor time that the benchmark measures', () => {
  const measured = [...read('docs/performance.md').matchAll(/^\| processor time per delivery[^|]*\| ([\d.]+) ms/gm)];
  expect(measured.length).toBeGreaterThan(0);
  const assumed = figure('docs/scale.md', /^\| callback: processor time, ms +\| ([\d.]+) /m);
  expect(assumed).toBeGreaterThan(Math.max(...measured.map(([, millis]) => Number(millis))));
});

test('the page for operators has a row for each alert, by its name', () => {
  const names = globSync('deploy/monitoring/alerts/*.json', { cwd: ROOT }).map((path) => {
    const { displayName } = JSON.parse(read(path)) as { displayName: string };
    return displayName.replace('@PREFIX@gemini-callbacks: ', '');
  });
  const rows = [...(read('docs/operate.md').split('## Recovering', 1)[0] ?? '').matchAll(/^\| (\w[^|]*?) +\|/gm)].map(
    ([, name]) => name,
  );
  expect(new Set(rows.slice(1))).toEqual(new Set(names));
});
