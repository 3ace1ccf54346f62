import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { startEmulators } from '../support/emulators.ts';
import { lineOf } from './measure.ts';
import { benchResults } from './results.ts';

/** Measures ours beside the straightforward version in one run, rounds alternating: ratios travel, times do not. */
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '7' } } });
const rounds = Number(values.rounds);

const emulators = await startEmulators();
Object.assign(process.env, emulators.env, { METADATA_SERVER_DETECTION: 'none' });
try {
  const projectId = `bench-${randomBytes(4).toString('hex')}`;
  const figures = await benchResults(rounds, projectId);
  console.log(
    `Node ${process.version}, ${availableParallelism()} processors, ${rounds} rounds; ours | straightforward`,
  );
  for (const figure of figures) console.log(lineOf(figure));
} finally {
  await emulators.stop();
}
process.exit();
