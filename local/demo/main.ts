import type { DeliveryRecord } from '../../simulator/ledger.ts';
import { exitWithMessages } from '../messages.ts';
import { eventually } from '../process.ts';
import { answered, fact, failed, lastLine, title } from './print.ts';
import { type Scene, SCENES } from './scenes.ts';
import { setStage, type Stage } from './stage.ts';

exitWithMessages();

/** The main job, end to end: Gemini's jobs end, and become job records in Firestore and messages on Pub/Sub. */
const stage = await setStage();
try {
  const outcomes: string[] = [];
  for (const scene of SCENES) outcomes.push(await play(stage, scene));
  const messages = await showMessages(stage);
  const results = await showResults(stage);
  const jobs = await stage.project.documentIds('jobs');
  const asExpected = SCENES.filter(({ expected }, n) => outcomes[n] === expected).length;
  const deliveries = stage.simulator.ledger.attempts().length;
  process.exitCode = asExpected === SCENES.length && messages > 0 && results > 0 ? 0 : 1;
  lastLine(
    `${deliveries} deliveries: ${messages} messages, ${jobs.length} jobs, ${results} results, ` +
      `${asExpected} of ${SCENES.length} scenes as expected.`,
  );
} finally {
  await stage.close();
}

/** Plays a scene, waits for the callback that it causes, and shows what became of it. */
async function play(played: Stage, scene: Scene): Promise<string> {
  title(scene.title);
  const { ledger } = played.simulator;
  const before = ledger.attempts().length;
  await scene.play(played);
  const delivery = await eventually('the callback', 20_000, async () => lastAnswered(ledger.deliveries, before));
  const { status = 0, body = '' } = delivery.attempts.at(-1)?.answer ?? {};
  const outcome = /"(?:reason|status)":"(?!UNAUTHENTICATED)(\w+)"/.exec(body)?.[1] ?? 'no answer that we know';
  fact('callback', `${delivery.eventType}  ${delivery.webhookId}`);
  answered(status, outcome);
  await showRecords(played, delivery);
  if (outcome !== scene.expected) failed(`expected ${scene.expected}`);
  return outcome;
}

/** The delivery whose attempt came last, once there are more attempts than before and all of them are answered. */
function lastAnswered(deliveries: readonly DeliveryRecord[], before: number): DeliveryRecord | undefined {
  const attempts = deliveries.flatMap((delivery) => delivery.attempts.map((attempt) => ({ delivery, attempt })));
  const open = attempts.some(({ attempt }) => attempt.answer === undefined);
  if (attempts.length <= before || open) return undefined;
  return attempts.toSorted((a, b) => a.attempt.time.localeCompare(b.attempt.time)).at(-1)?.delivery;
}

async function showRecords({ project }: Stage, { webhookId }: DeliveryRecord): Promise<void> {
  const record = await project.document(`deliveries/${webhookId}`);
  fact('record', record ? `deliveries/${webhookId}  ${record['state']}, seen ${record['attempts']}×` : 'none');
  const name = String(record?.['jobId']).replaceAll('/', '~');
  const job = await project.document(`jobs/${name}`);
  if (job) fact('job', `jobs/${name}  ${job['state']}, ${(job['timeline'] as unknown[]).length} events`);
}

async function showMessages({ project }: Stage): Promise<number> {
  title('What a subscriber of gemini-events has received');
  const messages = await project.messages('gemini-events');
  for (const { attributes, data } of messages) {
    const { event_type, job_id, route, meta_team } = attributes;
    const filters = Object.entries({ route, meta_team }).flatMap(([name, value]) => (value ? `${name}=${value}` : []));
    fact('message', [event_type, job_id, ...filters, `${data.length} bytes`].join('  '));
  }
  return messages.length;
}

/** A job's results end with an announcement; a job that the simulator does not know has failed ones. */
async function showResults({ project }: Stage): Promise<number> {
  title('What a subscriber of gemini-results has received');
  const open = new Set(await project.documentIds('jobs'));
  const messages = await project.messagesUntil('gemini-results', ({ attributes }) => {
    const { job_id: job = '', result_index: index } = attributes;
    if (index === undefined) open.delete(job.replaceAll('/', '~'));
    return open.size === 0;
  });
  for (const { attributes, data } of messages) {
    const { result_status: status } = attributes;
    fact('result', [attributes['ce-id'], status, excerptOf(data)].filter(Boolean).join('  '));
  }
  return messages.filter(({ attributes }) => attributes['ce-type'] === 'job.result').length;
}

function excerptOf(data: Buffer): string {
  const { jobId: _job, index: _index, ...rest } = JSON.parse(data.toString('utf8')) as Record<string, unknown>;
  const text = JSON.stringify(rest);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
