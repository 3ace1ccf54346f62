import { spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';

/**
 * `npm run test:coverage`: the lines of `functions/` that the unit and contract tiers run, in the tests' own processes
 * (measured by vitest) or in a served function (measured by V8, from the sources instead of the bundle).
 */
const ROOT = join(import.meta.dirname, '../..');
const MIN_PERCENT = 90;
const FOLDERS = { tests: 'coverage/tests', functions: 'coverage/functions', served: 'coverage/served' };

/** The part of Istanbul's format that is read here, by the path of a file. */
type Coverage = Readonly<Record<string, FileCoverage>>;

interface FileCoverage {
  readonly statementMap: Readonly<Record<string, { readonly start: { readonly line: number } }>>;
  /** How often each statement ran. */
  readonly s: Readonly<Record<string, number>>;
}

rmSync(join(ROOT, 'coverage'), { recursive: true, force: true });
const tested = run(
  ['vitest', 'run', '--project=unit', '--project=contract', ...process.argv.slice(2)],
  ['--coverage.enabled', '--coverage.reporter=json', `--coverage.reportsDirectory=${FOLDERS.tests}`],
);
run(
  ['c8', 'report', '--reporter=json', '--include=functions/**', '--exclude-after-remap'],
  [`--temp-directory=${FOLDERS.served}`, `--reports-dir=${FOLDERS.functions}`],
);
const summary = summaryOf(read(FOLDERS.tests), read(FOLDERS.functions));
console.log(summary.text);
const { GITHUB_STEP_SUMMARY } = process.env;
if (GITHUB_STEP_SUMMARY !== undefined) appendFileSync(GITHUB_STEP_SUMMARY, `${summary.text}\n`);
process.exitCode = tested !== 0 || summary.percent < MIN_PERCENT ? 1 : 0;

function run(command: readonly string[], options: readonly string[]): number {
  const env = { ...process.env, FUNCTION_COVERAGE: join(ROOT, FOLDERS.served) };
  return spawnSync('npx', [...command, ...options], { cwd: ROOT, env, stdio: 'inherit' }).status ?? 1;
}

function read(folder: string): Coverage {
  return JSON.parse(readFileSync(join(ROOT, folder, 'coverage-final.json'), 'utf8')) as Coverage;
}

/** Counts a line as run where it ran in either kind of process. */
function summaryOf(inTests: Coverage, inFunctions: Coverage): { percent: number; text: string } {
  const files = Object.entries(inTests).map(([path, file]) => {
    const all = linesOf(file, () => true);
    const ran = new Set(ranIn(inTests, inFunctions, path));
    const missed = [...all].filter((line) => !ran.has(line));
    return { path: relative(ROOT, path), lines: all.size, missed };
  });
  const lines = files.reduce((sum, file) => sum + file.lines, 0);
  const missed = files.reduce((sum, file) => sum + file.missed.length, 0);
  const percent = (100 * (lines - missed)) / lines;
  const holes = files
    .filter((file) => file.missed.length > 0)
    .toSorted((a, b) => b.missed.length - a.missed.length)
    .map((file) => `| ${file.path} | ${file.lines} | ${file.missed.join(', ')} |`);
  const title = `Unit and contract tests run ${percent.toFixed(1)} % of the ${lines} lines of functions/ (at least ${MIN_PERCENT} %).`;
  return { percent, text: [title, '', '| file | lines | not run |', '| --- | --- | --- |', ...holes].join('\n') };
}

function ranIn(inTests: Coverage, inFunctions: Coverage, path: string): readonly number[] {
  return [inTests[path], inFunctions[path]].flatMap((file) =>
    file ? Array.from(linesOf(file, (count) => count > 0)) : [],
  );
}

/** Returns the lines on which a statement starts whose count is as wanted. */
function linesOf({ statementMap, s }: FileCoverage, isWanted: (count: number) => boolean): ReadonlySet<number> {
  const wanted = Object.entries(statementMap).filter(([statement]) => isWanted(s[statement] ?? 0));
  return new Set(wanted.map(([, { start }]) => start.line));
}
