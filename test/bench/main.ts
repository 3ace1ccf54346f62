import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { startEmulators } from '../support/emulators.ts';
import { benchCallback } from './callback.ts';
import { lineOf } from './measure.ts';
import { artifactSize, benchVerification, coldStarts, roundTrips } from './parts.ts';
import { benchResults } from './results.ts';

/** Measures ours beside the straightforward version in one run, rounds alternating: ratios travel, times do not. */
const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '7' }, only: { type: 'string', default: 'callback,parts,results' } },
});
const rounds = Number(values.rounds);
const chosen = values.only.split(',');
const tell = (text: string) => process.stderr.write(`${text}\n`);

const emulators = await startEmulators();
Object.assign(process.env, emulators.env, { METADATA_SERVER_DETECTION: 'none' });
try {
  console.log(
    `Node ${process.version}, ${availableParallelism()} processors, ${rounds} rounds; ours | straightforward`,
  );
  if (chosen.includes('callback')) for (const figure of await benchCallback(rounds, tell)) console.log(lineOf(figure));
  if (chosen.includes('parts')) {
    for (const figure of await benchVerification(rounds)) console.log(lineOf(figure));
    for (const line of [await coldStarts(rounds), artifactSize(), await roundTrips()]) console.log(line);
  }
  if (chosen.includes('results')) {
    const projectId = `bench-${randomBytes(4).toString('hex')}`;
    for (const figure of await benchResults(rounds, projectId)) console.log(lineOf(figure));
  }
} finally {
  await emulators.stop();
}
process.exit();
