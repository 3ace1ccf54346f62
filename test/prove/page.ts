import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import type { BackendKind } from './backends.ts';
import { resultsOf } from './load.ts';
import type { Proof } from './prove.ts';
import { holds, type Verdict } from './verdict.ts';

const ROOT = join(import.meta.dirname, '../..');
const VERSIONS = ['@google-cloud/functions-framework', '@google-cloud/firestore', '@google/genai'];

interface PageOptions {
  readonly pauseMillis: number;
  readonly backends: BackendKind;
}

export interface Run extends Proof {
  /** A process beside it kept one core busy. */
  readonly isBusy: boolean;
}

/** Writes docs/reliability.md about runs of the same size. */
export async function writePage(proofs: readonly Run[], options: PageOptions): Promise<void> {
  const page = await format(pageOf(proofs, options), { parser: 'markdown', printWidth: 120 });
  writeFileSync(join(ROOT, 'docs/reliability.md'), page);
}

function pageOf(proofs: readonly Run[], { pauseMillis, backends }: PageOptions): string {
  const size = proofs[0]?.size ?? { deliveries: 0, jobs: 0 };
  const total = (valueOf: (run: Run) => number) => number(proofs.reduce((sum, proof) => sum + valueOf(proof), 0));
  const seeds = proofs.map(({ seed }) => `--seed=${seed}`).join(' ');
  const busy = proofs.filter(({ isBusy }) => isBusy).length;
  const others = [busy > 0 ? ` --busy=${busy}` : '', backends === 'official' ? '' : ` --backends=${backends}`].join('');
  return `# Reliability

For anyone who asks what survives a crash. \`npm run prove\` runs a seeded fault-injection test of the whole system and writes this
page. A seed decides the load, the order of the faults and the wire format that Gemini uses. Repeat it with

\`\`\`sh
npm run prove -- ${seeds} --deliveries=${size.deliveries} --jobs=${size.jobs} --pause=${pauseMillis}${others}
\`\`\`

## The system under test

- Three instances of \`geminiCallback\` and two of \`submitJob\`, one of each with a clock that is 250 s ahead; two of
  \`fetchResults\`; one of \`reconcileJobs\`.
- ${backends === 'official' ? "Google's Firestore and Pub/Sub emulators" : "The project's embedded Firestore and Pub/Sub"}, behind proxies that cut, stall and delay connections.${
    backends === 'official'
      ? ' The Pub/Sub\n  emulator loses everything at a restart, so the test publishes the unacknowledged messages again, as Pub/Sub would.'
      : ''
  }
- The Gemini simulator. It duplicates, reorders, delays, drops, forges and ages deliveries; its API fails, loses answers and
  cuts downloads.

## Runs

| seed | deliveries | attempts | kills | second messages | time | guarantees |
| --- | --- | --- | --- | --- | --- | --- |
${proofs.map(runRow).join('\n')}

Together: ${total(({ size: { jobs } }) => jobs)} jobs with ${total(({ size: each }) => resultsOf(each))} results,
${total(({ events }) => events)} messages about events and ${total(({ results }) => results)} about results.

## The guarantees

A run on a busy machine counts a missed time or rate as undecided.

| guarantee | checked | broken | undecided |
| --- | --- | --- | --- |
${guaranteeRows(proofs)}

## The faults

One fault of each of three kinds at a time: of processes, of the backends, and of keys and secrets.

| fault | times |
| --- | --- |
${faultRows(proofs)}

${versions()}
`;
}

function runRow({ seed, size, attempts, kills, doubled, seconds, verdicts, isBusy }: Run): string {
  const numbers = [size.deliveries, attempts, kills, doubled].map(number);
  const outcome = verdicts.every(holds)
    ? 'hold'
    : verdicts
        .filter((one) => !holds(one))
        .map(outcomeOf)
        .join('; ');
  return `| \`${seed}\`${isBusy ? ', beside a busy process' : ''} | ${numbers.join(' | ')} | ${number(seconds)} s | ${outcome} |`;
}

function outcomeOf({ guarantee, undecided }: Verdict): string {
  return undecided === undefined ? `BROKEN: ${guarantee}` : `undecided, the machine was too busy: ${guarantee}`;
}

function guaranteeRows(proofs: readonly Run[]): string {
  const all = Map.groupBy(
    proofs.flatMap(({ verdicts }) => verdicts),
    ({ guarantee }) => guarantee,
  );
  return [...all]
    .map(([name, each]) => {
      const checked = each.reduce((sum, verdict) => sum + verdict.checked, 0);
      const broken = each.reduce((sum, { broke, undecided }) => sum + (undecided === undefined ? broke : 0), 0);
      const undecided = each.filter((verdict) => verdict.undecided !== undefined).length;
      return `| ${name} | ${number(checked)} | ${number(broken)} | ${number(undecided)} |`;
    })
    .join('\n');
}

function faultRows(proofs: readonly Run[]): string {
  const all = Map.groupBy(
    proofs.flatMap(({ faults }) => [...faults]),
    ([name]) => name,
  );
  return [...all]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([name, each]) => `| ${name} | ${number(each.reduce((sum, [, times]) => sum + times, 0))} |`)
    .join('\n');
}

function versions(): string {
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  return `Node ${process.version}; ${VERSIONS.map((name) => `${name} ${dependencies[name]}`).join('; ')}.`;
}

function number(value: number): string {
  return Math.round(value).toLocaleString('en');
}
