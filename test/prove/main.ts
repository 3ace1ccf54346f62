import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { exitWithMessages } from '../../local/exitWithMessages.ts';
import { startTied } from '../../local/process.ts';
import { BACKEND_KINDS, type BackendKind } from './backends.ts';
import { resultsOf } from './load.ts';
import { type Run, writePage } from './page.ts';
import { type Proof, prove } from './prove.ts';
import { holds, type Verdict } from './verdict.ts';

/** `npm run prove`: seeded fault-injection runs, one after the other, whose results docs/reliability.md reports. */
exitWithMessages();

const { values } = parseArgs({
  options: {
    /** Seeds of the first runs; those of the others are random. */
    seed: { type: 'string', multiple: true, default: [] },
    runs: { type: 'string', default: '1' },
    /** The last runs, which a process that keeps one core busy disturbs. */
    busy: { type: 'string', default: '0' },
    deliveries: { type: 'string', default: '20000' },
    jobs: { type: 'string', default: '200' },
    /** The unit of the pauses between faults, in milliseconds. */
    pause: { type: 'string', default: '2000' },
    backends: { type: 'string', default: 'official' },
  },
});
const size = { deliveries: countOf('deliveries', 1), jobs: countOf('jobs', 1) };
const pauseMillis = countOf('pause', 1);
const backends = backendsOf(values.backends);
const runs = Math.max(countOf('runs', 1), values.seed.length);
const firstBusy = runs - countOf('busy', 0);

const proofs: Run[] = [];
const failures: unknown[] = [];
for (let run = 0; run < runs; run++) {
  const seed = values.seed[run] ?? randomBytes(4).toString('hex');
  const isBusy = run >= firstBusy;
  console.log(
    `seed ${seed}: ${size.deliveries} deliveries, ${size.jobs} jobs with ${resultsOf(size)} results` +
      (isBusy ? ', beside a busy process' : ''),
  );
  const busy = isBusy ? await startTied(process.execPath, ['-e', 'for (;;);']) : undefined;
  try {
    const proof = await prove({ seed, size, pauseMillis, backends, report: (text) => console.log(text) });
    proofs.push({ ...proof, isBusy });
    report(proof);
    await writePage(proofs, { pauseMillis, backends });
  } catch (error) {
    failures.push(error);
    console.error(`FAILED  seed ${seed}:`, error);
  } finally {
    await busy?.end('SIGKILL');
  }
}
reportUnreachedSteps(proofs);
process.exit(failures.length === 0 && proofs.every(({ verdicts }) => verdicts.every(holds)) ? 0 : 1);

function report({ seed, verdicts, seconds, load }: Proof): void {
  for (const verdict of verdicts) {
    const { guarantee, checked, broken, undecided } = verdict;
    console.log(`${labelOf(verdict)}  ${guarantee} (${checked} checked)`);
    if (undecided) console.log(`        the machine was too busy: ${undecided}; run it again`);
    for (const one of broken) console.log(`        ${one}`);
  }
  console.log(`seed ${seed}: ${Math.round(seconds)} s; ${load}`);
}

function labelOf(verdict: Verdict): string {
  if (verdict.undecided) return 'BUSY  ';
  return holds(verdict) ? 'holds ' : 'BROKEN';
}

/** Warns about steps whose text no longer stands in the product's requests. */
function reportUnreachedSteps(all: readonly Proof[]): void {
  const steps = new Map<string, number>();
  for (const { faults } of all) for (const [name, times] of faults) steps.set(name, (steps.get(name) ?? 0) + times);
  for (const [name, times] of steps) if (times === 0) console.log(`WARNING  never reached: ${name}`);
}

function countOf(name: 'deliveries' | 'jobs' | 'pause' | 'runs' | 'busy', min: number): number {
  const count = Number(values[name]);
  if (!Number.isInteger(count) || count < min)
    throw new TypeError(`--${name} must be a whole number, ${min} or more. For example: --${name}=${min + 1}`);
  return count;
}

function backendsOf(text: string): BackendKind {
  const kind = BACKEND_KINDS.find((known) => known === text);
  if (kind === undefined)
    throw new TypeError(`--backends must be ${BACKEND_KINDS.join(' or ')}. For example: --backends=embedded`);
  return kind;
}
