import { exitWithMessages } from '../exitWithMessages.ts';
import { check, commands, count, heading, shortName } from '../print.ts';
import { eventually } from '../process.ts';
import { type Stage, startStage } from '../stage.ts';
import { lastAnswered, outcomeOf } from '../deliveryOutcome.ts';
import { showResults } from './results.ts';
import { GENUINE, REFUSED, type Scene } from './scenes.ts';

exitWithMessages();

/** Shorter than the simulator's own: the demo waits for each job. */
const JOBS = { pendingMillis: 100, runningMillis: 300 };

/** The project's purpose, end to end: Gemini's jobs end and become records in Firestore and messages on Pub/Sub. */
const stage = await startStage({ settings: { jobs: JOBS }, onBackends: console.log });
try {
  console.log(`Running: a Gemini simulator, geminiCallback and fetchResults, after ${seconds()} s.`);
  heading('Callbacks from Gemini');
  const genuine = await playAll(stage, GENUINE);
  heading('Refused, as expected');
  const refused = await playAll(stage, REFUSED);
  const { jobs, isComplete } = await showResults(stage);
  const events = (await stage.project.messages('gemini-events')).length;
  const isAsExpected = genuine && refused && isComplete && events > 0;
  process.exitCode = isAsExpected ? 0 : 1;
  console.log(`\n${tally(stage)}`);
  console.log(`${count(events, 'event')} of ${count(jobs, 'job')} on gemini-events, after ${seconds()} s.`);
  if (!isAsExpected) console.log('Not everything was as expected: see the lines with ✗.');
} finally {
  await stage.close();
}
heading('Next:');
commands([
  ['npm start', "the same parts, kept running, with the simulator's page and your own jobs"],
  ['npm test', 'the tests'],
  ['npm run deploy -- --help', 'how to install it on Google Cloud'],
]);

async function playAll(played: Stage, scenes: readonly Scene[]): Promise<boolean> {
  let isAsExpected = true;
  for (const scene of scenes) isAsExpected = (await play(played, scene)) && isAsExpected;
  return isAsExpected;
}

/** Plays a scene, waits for the answer to its delivery, and compares answer and record with what is expected. */
async function play(played: Stage, scene: Scene): Promise<boolean> {
  const { ledger } = played.simulator;
  const before = ledger.attempts().length;
  await scene.play(played);
  const delivery = await eventually('the callback', 20_000, async () => lastAnswered(ledger.deliveries, before));
  const answer = delivery.attempts.at(-1)?.answer;
  const outcome = outcomeOf(answer);
  const record = await played.project.document(`deliveries/${delivery.webhookId}`);
  const job = await played.project.document(`jobs/${String(record?.['jobId']).replaceAll('/', '~')}`);
  const isJobRight = scene.record !== 'published' || job?.['state'] === 'succeeded';
  const isAsExpected = outcome === scene.outcome && record?.['state'] === scene.record && isJobRight;
  const detail = shortName(job ? String(record?.['jobId']) : delivery.webhookId);
  check(isAsExpected, scene.title, `${answer?.status ?? ''} ${outcome}`, detail);
  if (!isAsExpected) {
    const found = `${outcome}, record ${record?.['state'] ?? 'none'}, job ${job?.['state'] ?? 'none'}`;
    console.log(`    expected ${scene.outcome}, record ${scene.record ?? 'none'}; found ${found}`);
  }
  return isAsExpected;
}

/** Counts the deliveries by their answers. */
function tally({ simulator }: Stage): string {
  const answers = simulator.ledger.attempts().map(({ answer }) => outcomeOf(answer));
  const published = answers.filter((outcome) => outcome === 'published').length;
  const duplicates = answers.filter((outcome) => outcome === 'duplicate').length;
  const refused = answers.length - published - duplicates;
  const sent = count(answers.length, 'delivery', 'deliveries');
  return `${sent} sent: ${published} published, ${count(duplicates, 'duplicate')}, ${refused} refused.`;
}

function seconds(): string {
  return process.uptime().toFixed(1);
}
