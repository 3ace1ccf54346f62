import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem, type as systemName } from 'node:os';
import { join } from 'node:path';
import { format } from 'prettier';
import { costOf } from './cost.ts';
import { type Baseline, type Section, type Summary, summaryOf } from './measure.ts';

const ROOT = join(import.meta.dirname, '../..');
const PAGE = join(ROOT, 'docs/performance.md');
const CHART = join(ROOT, 'docs/performance.svg');
const BASELINE = join(import.meta.dirname, 'baseline.json');

/** Returns an empty baseline where none was written yet: each figure is then reported as missing. */
export function readBaseline(): Baseline {
  if (!existsSync(BASELINE)) return {};
  return JSON.parse(readFileSync(BASELINE, 'utf8')) as Baseline;
}

/** Writes the page, its chart, and the baseline for `--check`. */
export async function writeReport(sections: readonly Section[], rounds: number): Promise<void> {
  writeFileSync(BASELINE, `${JSON.stringify(baselineOf(sections), null, 2)}\n`);
  writeFileSync(CHART, chartOf(sections.slice(0, 1).flatMap(({ figures }) => figures.map(summaryOf))));
  writeFileSync(PAGE, await format(pageOf(sections, rounds), { parser: 'markdown', printWidth: 120 }));
}

function baselineOf(sections: readonly Section[]): Baseline {
  const valuesOf = ({ figures }: Section) =>
    Object.fromEntries(figures.map(summaryOf).map(({ name, value }) => [name, Number(value.toPrecision(3))]));
  return Object.fromEntries(sections.map((section) => [section.title, valuesOf(section)]));
}

function pageOf(sections: readonly Section[], rounds: number): string {
  return `# Performance

For anyone who asks how fast it is, and what its processor time costs. Written by \`npm run bench -- --write\`. Each version runs ${rounds} times, alternating, on the same emulators. A figure is
the median of the rounds; a ratio is the median of the rounds' ratios, with their range. Ratios hold on other machines, times
do not. Machine: ${machine()}.

There are two yardsticks. The straightforward versions (\`test/bench/straightforward\`) are the code that a good developer writes from the
documentation. The floors (\`test/bench/floor\`) make the same calls with the same payload over \`@grpc/grpc-js\` and \`protobufjs\`, and
check and decide nothing: without the Functions Framework, google-gax and the Firestore client, and without the compile cache.

![gemini-callbacks relative to the straightforward version (1)](performance.svg)
${sections.map(tableOf).join('')}${costOf(sections)}`;
}

function tableOf({ title, beside, figures }: Section): string {
  if (beside === '') {
    const rows = figures.map(summaryOf).map(({ name, product }) => `| ${name} | ${product} |`);
    return `\n## ${title}\n\n| | gemini-callbacks |\n| --- | --- |\n${rows.join('\n')}\n`;
  }
  const rows = figures.map(summaryOf).map(({ name, product, reference, ratio, spread, goal, isMet }) => {
    const compared = ratio === '' ? '' : `${ratio} (${spread})`;
    return `| ${name} | ${product} | ${reference} | ${compared} | ${goal === '' ? '' : `${goal} ${isMet ? '✓' : '**missed**'}`} |`;
  });
  const head = `| | gemini-callbacks | ${beside} | ratio | goal |\n| --- | --- | --- | --- | --- |`;
  return `\n## ${title}\n\n${head}\n${rows.join('\n')}\n`;
}

function machine(): string {
  const [first] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `Node ${process.version} on ${cpus().length} processors (${first?.model ?? 'unknown'}) with ${memory}, ${systemName()} ${release()}`;
}

const ROW = { height: 34, top: 54, left: 330, width: 480, bar: 16 };

/** A bar for each ratio that is to be small, the straightforward version's 1 at the right, a mark at each goal. */
function chartOf(summaries: readonly Summary[]): string {
  const shown = summaries.filter(({ goal }) => goal.startsWith('≤'));
  const height = ROW.top + shown.length * ROW.height + 16;
  const x = (ratio: number) => Math.round(ROW.left + Math.min(ratio, 1.1) * ROW.width);
  const rows = shown.map(({ name, value, ratio, goal }, index) => {
    const y = ROW.top + index * ROW.height;
    const mark = x(Number(goal.slice(2)));
    return `  <text class="end" x="${ROW.left - 10}" y="${y + 13}">${name}</text>
  <rect class="bar" x="${ROW.left}" y="${y}" width="${x(value) - ROW.left}" height="${ROW.bar}" rx="3" />
  <text class="value" x="${x(value) - 6}" y="${y + 12}">${ratio}</text>
  <path class="goal" d="M${mark} ${y - 4}v${ROW.bar + 8}" />`;
  });
  const bottom = height - 16;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 ${height}" width="900" height="${height}" role="img" aria-labelledby="title">
  <title id="title">gemini-callbacks relative to the straightforward version: ${shown.map(({ name, ratio }) => `${name} ${ratio}`).join('; ')}</title>
  <style>
    text { font-family: system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif; font-size: 12px; fill: #334155; }
    .end, .value { text-anchor: end; }
    .value { font-weight: 600; fill: #ffffff; }
    .bar { fill: #2563eb; }
    .goal { stroke: #b45309; stroke-width: 2; }
    .one { stroke: #64748b; stroke-width: 1.5; }
  </style>
  <rect x="1" y="1" width="898" height="${height - 2}" rx="14" fill="#f8fafc" stroke="#cbd5e1" />
  <text x="${ROW.left}" y="30">ratio to the straightforward version: less is better</text>
  <path class="goal" d="M${ROW.left + 320} 18v16" /><text x="${ROW.left + 328}" y="30">goal</text>
  <path class="one" d="M${x(1)} ${ROW.top - 12}V${bottom}" /><text x="${x(1) + 6}" y="${ROW.top - 4}">straightforward</text>
${rows.join('\n')}
</svg>
`;
}
