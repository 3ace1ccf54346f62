import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Timestamp } from '@google-cloud/firestore';
import { describe, expect, test } from 'vitest';
import { sendJson } from '../../support/server.ts';
import { ROUTE_KEY } from '../pipeline.ts';
import { Stage } from '../results/harness.ts';
import { clockAhead } from '../../support/clockAhead.ts';
import { eventually } from '../../../local/process.ts';
import { temporaryFolder } from '../../support/opened.ts';
import { Proxy } from '../../support/proxy.ts';
import { batch, interaction, MODEL, open, start, started, startGemini, submit, urlOf } from './support.ts';

describe('an accepted request', () => {
  test("starts a batch with the route's webhook and records it before the response", async () => {
    const { stage, running } = await open();
    const request = { ...batch, metadata: { team: 'red' }, displayName: 'Nightly' };
    const { status, body } = await submit(running, request);
    expect(status).toBe(202);
    const [job = ''] = started(stage);
    const submissionId = String(body['submissionId']);
    expect(body).toEqual({ jobId: job, kind: 'batch', state: 'submitted', route: 'nightly', submissionId });
    const userMetadata = { team: 'red', submission_id: submissionId };
    expect(stage.simulator.jobs()[0]?.webhookConfig).toEqual({ uris: [urlOf('nightly')], userMetadata });
    expect((await stage.ai.batches.get({ name: job })).displayName).toBe(`Nightly (${submissionId})`);
    const [submittedAt, createdAt, updatedAt] = Array<unknown>(3).fill(expect.any(Timestamp));
    expect(await stage.record(job)).toEqual({ ...body, userMetadata, submittedAt, createdAt, updatedAt });
  });

  test("is recorded by Firestore's clock: an instance clock ahead does not delay recovery", async () => {
    const { stage, running } = await open(clockAhead(250_000));
    expect((await submit(running, batch)).status).toBe(202);
    const { submittedAt, createdAt, updatedAt } = (await stage.record(started(stage)[0] ?? '')) ?? {};
    const times = [submittedAt, createdAt, updatedAt].map((time) => (time as Timestamp).toMillis());
    expect(Math.max(...times)).toBeLessThan(Date.now() + 60_000);
  });

  test('starts an interaction in the background', async () => {
    const { stage, running } = await open();
    const request = { ...interaction.request, labels: { cost: 'low' } };
    const { status, body } = await submit(running, { ...interaction, request });
    const [id = ''] = started(stage);
    expect([status, body['jobId']]).toEqual([202, `interactions/${id}`]);
    expect(await stage.ai.interactions.get(id)).toMatchObject({
      labels: { cost: 'low', submission_id: body['submissionId'] },
      webhook_config: { uris: [urlOf('agents')] },
    });
    expect(await stage.record(`interactions/${id}`)).toMatchObject({ kind: 'interaction', state: 'submitted' });
  });

  test('is forwarded to Gemini with every field and every digit', async () => {
    const bodies: Record<string, unknown>[] = [];
    const texts: string[] = [];
    const gemini = await startGemini((_method, body, response, text) => {
      bodies.push(body);
      texts.push(text);
      sendJson(response, 200, bodies.length === 1 ? { name: 'batches/b1' } : { id: 'v1_i1', status: 'in_progress' });
    });
    const { running } = await open(gemini);
    const tools = [{ functionDeclarations: [{ name: 'f', parameters: { type: 'OBJECT' } }] }, { google_search: {} }];
    const inline =
      `{"contents":[{"parts":[{"functionResponse":{"name":"f","response":{"id":1234567890123456789}}}]}],` +
      `"systemInstruction":"Be brief","generationConfig":{"temperature":0.20},"tools":${JSON.stringify(tools)},` +
      `"safety_settings":[{"category":"X","threshold":"Y"}],"metadata":{"key":"r1"}}`;
    const sdk = `{"contents":"hello","config":{"system_instruction":"Be brief","maxOutputTokens":5,"seed":7}}`;
    const request = `{"model":"${MODEL}","src":[${inline},${sdk}]}`;
    expect((await submit(running, `{"kind":"batch","route":"r","request":${request}}`)).status).toBe(202);
    const systemInstruction = { parts: [{ text: 'Be brief' }] };
    expect(bodies[0]).toMatchObject({
      batch: {
        inputConfig: {
          requests: {
            requests: [
              {
                request: {
                  systemInstruction,
                  generationConfig: { temperature: 0.2 },
                  tools,
                  safety_settings: [{ category: 'X', threshold: 'Y' }],
                },
                metadata: { key: 'r1' },
              },
              {
                request: {
                  contents: [{ role: 'user', parts: [{ text: 'hello' }] }],
                  system_instruction: systemInstruction,
                  generationConfig: { maxOutputTokens: 5, seed: 7 },
                },
              },
            ],
          },
        },
        webhookConfig: { uris: [urlOf('r')] },
      },
    });
    expect(texts[0]).toContain('"response":{"id":1234567890123456789}');
    expect(texts[0]).toContain('"temperature":0.20');

    const result = '{"type":"function_result","call_id":"c","name":"n","result":{"id":1234567890123456789}}';
    const interactive = `{"kind":"interaction","route":"r","request":{"model":"${MODEL}","input":[${result}]}}`;
    expect((await submit(running, interactive)).status).toBe(202);
    expect(texts[1]).toContain(result);
  });

  test('does not overwrite a callback that arrived first', async () => {
    const stage = await Stage.open();
    const simulated = await Proxy.start(new URL(stage.simulator.url).host);
    const slow = await start(stage, { GOOGLE_GEMINI_BASE_URL: `http://${simulated.host}` });
    simulated.stall('down');
    const submitted = submit(slow, batch, 'key');
    const job = await eventually('it has started', 5_000, async () => started(stage)[0]);
    const at = Timestamp.fromMillis(1_780_000_000_000);
    const known = { jobId: job, kind: 'batch', state: 'succeeded', finishedAt: at, createdAt: at, updatedAt: at };
    await stage.project.firestore.doc(`jobs/${job.replace('/', '~')}`).set(known);
    await simulated.forward();
    expect((await submitted).status).toBe(202);
    expect(await stage.record(job)).toMatchObject({ ...known, route: 'nightly', submittedAt: expect.any(Timestamp) });
    await simulated.refuse();
  });
});

test('the API key and the route key are read from mounted files', async () => {
  const stage = await Stage.open();
  const folder = temporaryFolder();
  const mounted = (name: string, content: string) => {
    writeFileSync(join(folder, name), `${content}\n`);
    return join(folder, name);
  };
  stage.simulator.settings.patch({ api: { key: 'the-key-of-the-file' } });
  const running = await start(stage, {
    GEMINI_API_KEY: '',
    GEMINI_API_KEY_FILE: mounted('api', 'the-key-of-the-file'),
    DYNAMIC_ROUTE_KEY: '',
    DYNAMIC_ROUTE_KEY_FILE: mounted('route', ROUTE_KEY),
  });
  expect((await submit(running, batch)).status).toBe(202);
  expect(stage.simulator.jobs()[0]?.webhookConfig?.uris).toEqual([urlOf('nightly')]);
});
