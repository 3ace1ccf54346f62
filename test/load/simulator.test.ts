import { GoogleGenAI } from '@google/genai';
import { expect, test } from 'vitest';
import { signRoute } from '../../functions/model/route.ts';
import { stateOf } from '../../functions/model/eventTypes.ts';
import { jobDocumentId } from '../../functions/model/jobName.ts';
import { startSimulator } from '../../simulator/simulator.ts';
import { startFunction } from '../../local/functions.ts';
import { eventually, freePort } from '../../local/process.ts';
import { LocalProject } from '../../local/project.ts';

const ROUTE_KEY = 'route-key-of-a-test-with-32-characters';
const JOBS = 40;

const EVENTS = ['batch.succeeded', 'batch.failed', 'interaction.completed', 'interaction.failed'];

/** All faults at once, except a permanent drop, after which nothing can arrive. */
const FAULTS = {
  duplicate: 0.3,
  reorder: 0.2,
  delay: 0.2,
  delayMillis: 700,
  unknownType: 0.2,
  stale: 0.15,
  staleMillis: 3_600_000,
  unsigned: 0.15,
  wrongSignature: 0.15,
  lostAnswer: 0.15,
};

test('with every fault on, each job ends right, nothing is lost, and no webhook-id has a second message', async () => {
  const project = await LocalProject.create();
  const simulator = await startSimulator({
    seed: 'all-faults',
    settings: {
      faults: FAULTS,
      jobs: { pendingMillis: 200, runningMillis: 500, failureRate: 0.3 },
      deliveries: { retryDelaysMillis: [0, ...Array.from({ length: 20 }, () => 1_500)] },
    },
  });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const gemini = new GoogleGenAI({ apiKey: 'any-key', httpOptions: { baseUrl: simulator.url } });
  const webhook = await gemini.webhooks.create({ name: 'static', uri: url, subscribed_events: EVENTS });
  const env = {
    ...project.env,
    WEBHOOK_SIGNING_SECRET: webhook.new_signing_secret,
    DYNAMIC_ROUTE_KEY: ROUTE_KEY,
    GEMINI_JWKS_URL: `${simulator.url}/.well-known/jwks.json`,
  };
  const callback = await startFunction('geminiCallback', env, { port });
  try {
    const uris = [`${url}/dynamic/load/${signRoute('load', ROUTE_KEY)}`];
    await Promise.all(Array.from({ length: JOBS }, (_, n) => startJob(gemini, n, uris)));
    const { deliveries } = simulator.ledger;
    await eventually('every delivery is accepted', 60_000, async () => {
      const jobs = new Set(
        deliveries.filter(({ eventType }) => EVENTS.includes(eventType)).map(({ jobName }) => jobName),
      );
      return (jobs.size === JOBS && deliveries.every(({ state }) => state === 'delivered')) || undefined;
    });

    const messages = await project.messages('gemini-events');
    const ids = messages.map(({ attributes }) => attributes['webhook_id'] ?? '');
    expect(ids.toSorted()).toEqual(deliveries.map(({ webhookId }) => webhookId).toSorted());
    for (const { webhookId, eventType, jobName = '', body } of deliveries) {
      expect(await project.document(`deliveries/${webhookId}`)).toMatchObject({ state: 'published', type: eventType });
      expect(messages.find(({ attributes }) => attributes['webhook_id'] === webhookId)?.data.toString()).toBe(body);
      if (!EVENTS.includes(eventType)) continue;
      const name = jobName.startsWith('v1_') ? `interactions/${jobName}` : jobName;
      expect((await project.document(`jobs/${jobDocumentId(name)}`))?.['state']).toBe(stateOf(eventType));
    }
    const faults = new Set(simulator.ledger.attempts().flatMap((attempt) => attempt.faults));
    expect([...faults].toSorted()).toEqual(['duplicate', 'lost_answer', 'stale', 'unsigned', 'wrong_signature']);
  } finally {
    await callback.end();
    await Promise.all([simulator.close(), project.close()]);
  }
}, 90_000);

/** Half of them batches with a dynamic webhook, half interactions with the registered one. */
async function startJob(gemini: GoogleGenAI, n: number, uris: string[]): Promise<void> {
  const model = 'gemini-3.8-flash';
  if (n % 2 === 0) await gemini.interactions.create({ model, input: `prompt ${n}`, background: true });
  else {
    const src = [{ contents: [{ role: 'user', parts: [{ text: `prompt ${n}` }] }] }];
    await gemini.batches.create({ model, src, config: { webhookConfig: { uris } } });
  }
}
