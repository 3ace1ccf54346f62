import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { format } from 'prettier';
import { resultsOf } from './load.ts';
import { type Proof, prove } from './prove.ts';

/** `npm run prove`: the long run, by a seed; it writes what it has found to docs/reliability.md. */
const ROOT = join(import.meta.dirname, '../..');

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: randomBytes(4).toString('hex') },
    deliveries: { type: 'string', default: '20000' },
    jobs: { type: 'string', default: '200' },
    /** The unit of the pauses between faults, in milliseconds: half of it brings twice as many. */
    pause: { type: 'string', default: '2000' },
  },
});
const size = { deliveries: countOf('deliveries'), jobs: countOf('jobs') };
const pauseMillis = countOf('pause');
const command = `npm run prove -- --seed=${values.seed} --deliveries=${size.deliveries} --jobs=${size.jobs} --pause=${pauseMillis}`;
console.log(`seed ${values.seed}: ${size.deliveries} deliveries, ${size.jobs} jobs with ${resultsOf(size)} results`);

const proof = await prove(values.seed, size, pauseMillis, (text) => console.log(text));
for (const { invariant, broke, broken, checked } of proof.verdicts) {
  console.log(`${broke === 0 ? 'holds ' : 'BROKEN'}  ${invariant} (${checked} looked at)`);
  for (const one of broken) console.log(`        ${one}`);
}
mkdirSync(join(ROOT, 'docs'), { recursive: true });
writeFileSync(join(ROOT, 'docs/reliability.md'), await format(pageOf(proof), { parser: 'markdown', printWidth: 120 }));
process.exit(proof.verdicts.every(({ broke }) => broke === 0) ? 0 : 1);

function countOf(name: 'deliveries' | 'jobs' | 'pause'): number {
  const count = Number(values[name]);
  if (!Number.isInteger(count) || count < 1) throw new TypeError(`--${name} must be a whole number, 1 at least.`);
  return count;
}

function pageOf(found: Proof): string {
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const versions = ['@google-cloud/functions-framework', '@google-cloud/firestore', '@google/genai'];
  const number = (value: number) => Math.round(value).toLocaleString('en');
  return `# Reliability

Written by \`npm run prove\`; to be repeated, in an order of faults that the seed decides, with

\`\`\`sh
${command}
\`\`\`

Three instances of \`geminiCallback\` and two of \`submitJob\`, one of each with a clock 250 s ahead, two of \`fetchResults\`, and
\`reconcileJobs\`, on Google's emulators behind proxies; the simulator sends, and duplicates, reorders, delays, drops, forges and ages what it
sends, and its API fails, loses answers and cuts downloads. Meanwhile, of each of three kinds at the same time (processes, what they depend on,
keys and secrets), one after the other:

| fault | times |
| --- | --- |
${[...found.disasters]
  .toSorted(([a], [b]) => a.localeCompare(b))
  .map(([name, times]) => `| ${name} | ${times} |`)
  .join('\n')}

| | |
| --- | --- |
| deliveries, attempts | ${number(found.size.deliveries)}, ${number(found.attempts)} |
| jobs, results | ${number(found.size.jobs)}, ${number(resultsOf(found.size))} |
| messages about events, about results | ${number(found.events)}, ${number(found.results)} |
| instances killed | ${number(found.kills)} |
| events with a second message | ${number(found.doubled)} |
| time | ${number(found.seconds)} s |

## What held

| invariant | looked at | broken |
| --- | --- | --- |
${found.verdicts.map(({ invariant, checked, broke }) => `| ${invariant} | ${number(checked)} | ${number(broke)} |`).join('\n')}

Node ${process.version}; ${versions.map((name) => `${name} ${dependencies[name]}`).join('; ')}.
`;
}
