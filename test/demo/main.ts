import { signRoute } from '../../functions/callback/route.ts';
import { ed25519Key, newSecret, signV1, signV1a } from '../simulator/signing.ts';
import type { ReceivedMessage } from '../support/project.ts';
import { answered, fact, failed, lastLine, title } from './print.ts';
import { setStage, type Stage } from './stage.ts';
import { randomBytes } from 'node:crypto';

/** The main job, end to end: signed callbacks become job records in Firestore and messages on Pub/Sub. */
const secret = newSecret();
const routeKey = randomBytes(32).toString('hex');
const key = ed25519Key(randomBytes(32));

const HOUR = 3_600;
const now = Math.floor(Date.now() / 1_000);
const at = (secondsAgo: number) => new Date((now - secondsAgo) * 1_000).toISOString();

/** A delivery as Gemini would make it, and what should become of it. */
interface Scene {
  readonly title: string;
  readonly id: string;
  readonly event: {
    readonly type: string;
    readonly timestamp: string;
    readonly data: { readonly id: string } & object;
  };
  readonly path?: string;
  readonly sign?: (message: { id: string; timestampSeconds: number; body: string }) => string;
  readonly ageSeconds?: number;
  readonly expected: string;
}

const succeeded = {
  type: 'batch.succeeded',
  timestamp: at(60),
  data: { id: 'batches/nightly', output_file_uri: 'files/batch-nightly' },
};
const asked = { type: 'interaction.requires_action', timestamp: at(40), data: { id: 'v1_research' } };
const completed = {
  type: 'interaction.completed',
  timestamp: at(20),
  data: { id: 'v1_research' },
  user_metadata: { team: 'search' },
};
const foreign = { type: 'batch.succeeded', timestamp: at(10), data: { id: 'batches/foreign' } };

const dynamic = {
  path: `/dynamic/research/${signRoute('research', routeKey)}`,
  sign: (message: Parameters<typeof signV1a>[1]) => signV1a(key, message),
};

const SCENES: readonly Scene[] = [
  {
    title: 'A batch has succeeded: a static webhook, signed with the shared secret',
    id: 'msg_1',
    event: succeeded,
    expected: 'published',
  },
  { title: 'Gemini sends it again, since it may', id: 'msg_1', event: succeeded, expected: 'duplicate' },
  {
    title: 'A second endpoint announces the same end of the same job',
    id: 'msg_2',
    event: succeeded,
    expected: 'published',
  },
  {
    title: 'An interaction is done: a dynamic webhook, signed with Gemini’s public key, on a route of ours',
    id: 'msg_3',
    event: completed,
    ...dynamic,
    expected: 'published',
  },
  {
    title: 'An older event of that interaction comes late: it is told, and the job stays done',
    id: 'msg_4',
    event: asked,
    ...dynamic,
    expected: 'published',
  },
  {
    title: 'A stranger has Gemini sign an event for our address: no route of ours',
    id: 'msg_5',
    event: foreign,
    sign: dynamic.sign,
    expected: 'ROUTE_INVALID',
  },
  {
    title: 'A forgery: signed with a secret that is not ours',
    id: 'msg_6',
    event: foreign,
    sign: (message) => signV1(newSecret(), message),
    expected: 'SIGNATURE_INVALID',
  },
  {
    title: 'A genuine delivery, an hour old: kept apart for an operator',
    id: 'msg_7',
    event: foreign,
    ageSeconds: HOUR,
    expected: 'TIMESTAMP_OUT_OF_TOLERANCE',
  },
];

async function play(stage: Stage, scene: Scene): Promise<boolean> {
  title(scene.title);
  const body = JSON.stringify(scene.event);
  const timestampSeconds = Math.floor(Date.now() / 1_000) - (scene.ageSeconds ?? 0);
  const sign = scene.sign ?? ((message) => signV1(secret, message));
  const response = await fetch(stage.callbackUrl + (scene.path ?? '/'), {
    method: 'POST',
    body,
    headers: {
      'webhook-id': scene.id,
      'webhook-timestamp': String(timestampSeconds),
      'webhook-signature': sign({ id: scene.id, timestampSeconds, body }),
    },
  });
  const answer = outcomeOf(await response.json());
  answered(response.status, answer);
  await showRecords(stage, scene);
  if (answer !== scene.expected) failed(`expected ${scene.expected}`);
  return answer === scene.expected;
}

function outcomeOf(answer: unknown): string {
  const { status, error } = answer as { status?: string; error?: { details: { reason: string }[] } };
  return status ?? error?.details[0]?.reason ?? 'no answer that we know';
}

async function showRecords({ project }: Stage, { id, event }: Scene): Promise<void> {
  const delivery = await project.document(`deliveries/${id}`);
  fact('record', delivery ? `deliveries/${id}  ${delivery['state']}, seen ${delivery['attempts']}×` : 'none');
  const name = `${event.data.id.includes('/') ? '' : 'interactions/'}${event.data.id}`.replace('/', '~');
  const job = await project.document(`jobs/${name}`);
  if (job) fact('job', `jobs/${name}  ${job['state']}, ${(job['timeline'] as unknown[]).length} events`);
}

function showMessages(messages: readonly ReceivedMessage[]): void {
  title('What a subscriber of gemini-events has received');
  for (const { attributes, data } of messages) {
    const { webhook_id, event_type, job_id, route, repeat_of, meta_team } = attributes;
    const filters = Object.entries({ route, repeat_of, meta_team }).flatMap(([name, value]) =>
      value ? `${name}=${value}` : [],
    );
    fact('message', [webhook_id, event_type, job_id, ...filters, `${data.length} bytes`].join('  '));
  }
}

const stage = await setStage({ secret, routeKey, key });
try {
  let asExpected = 0;
  for (const scene of SCENES) asExpected += Number(await play(stage, scene));
  const messages = await stage.project.messages('gemini-events');
  showMessages(messages);
  const jobs = await stage.project.documentIds('jobs');
  const published = SCENES.filter(({ expected }) => expected === 'published').length;
  const right = asExpected === SCENES.length && messages.length === published;
  process.exitCode = right ? 0 : 1;
  lastLine(
    `${SCENES.length} deliveries: ${published} published, ${messages.length} messages, ${jobs.length} jobs, ` +
      `${asExpected} of ${SCENES.length} as expected.`,
  );
} finally {
  await stage.close();
}
