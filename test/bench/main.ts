import { randomBytes } from 'node:crypto';
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { startBackends } from '../../local/backends/index.ts';
import { besideFloor, besideStraightforward, type Lives, liveInTurns } from './callback.ts';
import { countCallback } from './cost.ts';
import { benchCommands } from './commands.ts';
import { lineOf, regressions, type Section } from './measure.ts';
import { benchColdStarts, benchVerification, countParts } from './parts.ts';
import { benchRecords } from './records.ts';
import { readBaseline, writeReport } from './report.ts';
import { benchResults, benchResultsFloor } from './results.ts';

/** Measures the project and reference versions in alternating rounds, because only ratios hold on other machines. */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', default: 'callback,floor,parts,results,resultsFloor,records,commands' },
    /** Fails where a figure has doubled since the baseline. */
    check: { type: 'boolean', default: false },
    /** Writes docs/performance.md, its chart and the baseline. */
    write: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new TypeError('--rounds must be a whole number, 7 for example.');
const tell = (text: string) => process.stderr.write(`${text}\n`);

const chosen = values.only.split(',');
let lives: Promise<Lives> | undefined;
/** All versions that the chosen benches compare live in the same rounds. */
const allLives = async () =>
  await (lives ??= liveInTurns(
    [
      'product',
      ...(chosen.includes('callback') ? ['straightforward' as const] : []),
      ...(chosen.includes('floor') ? ['floor' as const] : []),
    ],
    rounds,
    tell,
  ));
const project = (name: string) => `bench-${name}-${randomBytes(4).toString('hex')}`;

const BENCHES: Readonly<Record<string, () => Promise<readonly Section[]>>> = {
  callback: async () => [await besideStraightforward(await allLives())],
  floor: async () => [besideFloor(await allLives())],
  parts: async () => [
    await benchVerification(rounds),
    await benchColdStarts(rounds),
    countParts(),
    await countCallback(),
  ],
  results: async () => [await benchResults(rounds, project('results'))],
  resultsFloor: async () => [await benchResultsFloor(rounds, project('floor'))],
  records: async () => [await benchRecords(rounds)],
  commands: async () => [await benchCommands(rounds)],
};
for (const name of chosen)
  if (!(name in BENCHES)) throw new TypeError(`--only takes ${Object.keys(BENCHES).join(',')}`);
if (values.write && chosen.length < Object.keys(BENCHES).length)
  throw new TypeError('--write needs all of the benches.');

// Published figures do not mix backends: the official ones are the default of the bench.
const emulators = await startBackends({ LOCAL_BACKENDS: 'official', ...process.env });
Object.assign(process.env, emulators.env, { METADATA_SERVER_DETECTION: 'none' });
const sections: Section[] = [];
try {
  const load = loadavg().map((average) => average.toFixed(1));
  console.log(
    `Node ${process.version}, ${availableParallelism()} processors, load ${load.join(' ')}, ${rounds} rounds`,
  );
  for (const name of chosen) {
    for (const section of (await BENCHES[name]?.()) ?? []) {
      sections.push(section);
      console.log(`\n${section.title}: gemini-callbacks | ${section.beside}`);
      for (const figure of section.figures) console.log(lineOf(figure));
    }
  }
} finally {
  await emulators.stop();
}
if (values.write) await writeReport(sections, rounds);
const found = values.check ? regressions(sections, readBaseline()) : [];
for (const regression of found) console.error(`REGRESSION  ${regression}`);
process.exit(found.length === 0 ? 0 : 1);
