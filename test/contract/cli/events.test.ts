import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { PubSub } from '@google-cloud/pubsub';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import { TRIGGER_TYPES } from '../../../cli/events/samples.ts';
import { startFunction } from '../../../local/functions.ts';
import { eventually } from '../../../local/process.ts';
import { LocalProject } from '../../../local/project.ts';
import { cli, startCli } from '../../support/cli.ts';
import { observe } from '../../support/observed.ts';
import { forFile, forTest } from '../../support/opened.ts';
import { TestReceiver } from '../../support/receiver.ts';
import { failed, misused, resultOf } from './harness.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

async function publish(project: LocalProject, id: string, type: string, data: string, more = {}): Promise<void> {
  const attributes = { 'ce-id': id, 'ce-type': type, event_type: type, webhook_id: id, ...more };
  await project.publish('gemini-events', { data: Buffer.from(data), attributes });
}

async function subscriptions({ projectId }: LocalProject): Promise<readonly string[]> {
  const [all] = await new PubSub({ projectId }).getSubscriptions();
  return all.map(({ name }) => name).filter((name) => name.includes('-listen-'));
}

/** Starts `events listen` and waits for its subscription. */
async function listen(...args: readonly string[]) {
  const project = await forTest(LocalProject.create());
  const running = await observe(startCli(['events', 'listen', ...args], project.env));
  await eventually('it listens', 20_000, async () => (await subscriptions(project)).length > 0 || undefined);
  const lines = async (count: number) =>
    await eventually(`${count} lines`, 20_000, async () => {
      const found = running.stdout().split('\n').filter(Boolean);
      return found.length >= count ? found : undefined;
    });
  const end = async (signal: NodeJS.Signals) => {
    expect(await running.end(signal)).toBe(0);
    expect(await subscriptions(project)).toEqual([]);
  };
  return { project, lines, end };
}

const isSigned = (secret: string, { body, headers }: TestReceiver['received'][number]) =>
  new Webhook(secret).verify(body, headers as Record<string, string>);

describe('events listen', () => {
  test('prints the events of its filter, digits kept, and deletes its subscription at the end', async () => {
    const { project, lines, end } = await listen('--json', '--type=batch.succeeded', '--route=nightly');
    await publish(project, 'msg_other', 'batch.failed', '{"type":"batch.failed"}', { route: 'nightly' });
    const data = '{"type":"batch.succeeded",\n"data":{"id":"batches/a","n":12345678901234567890}}';
    await publish(project, 'msg_1', 'batch.succeeded', data, { route: 'nightly', job_id: 'batches/a' });
    const [line = ''] = await lines(1);
    expect(line).toContain('12345678901234567890');
    expect(JSON.parse(line)).toMatchObject({
      webhookId: 'msg_1',
      type: 'batch.succeeded',
      jobId: 'batches/a',
      route: 'nightly',
      event: { type: 'batch.succeeded', data: { id: 'batches/a' } },
    });
    await end('SIGINT');
  });

  test('prints a line for people', async () => {
    const { project, lines, end } = await listen();
    const type = 'interaction.completed';
    await publish(project, 'msg_1', type, JSON.stringify({ type }), { job_id: 'interactions/a' });
    expect(await lines(1)).toContainEqual(expect.stringMatching(/interaction\.completed +interactions\/a/));
    await end('SIGTERM');
  });

  test('forwards each event byte for byte, signed with the printed secret, again until it is accepted', async () => {
    const receiver = await TestReceiver.start();
    receiver.answers.push(500);
    const { project, lines, end } = await listen('--json', `--forward-to=${receiver.url}`);
    const [first = ''] = await lines(1);
    const { secret } = JSON.parse(first) as { secret: string };
    const data = '{ "type" : "batch.succeeded",  "data":{"id":"batches/ü"} }';
    await publish(project, 'msg_1', 'batch.succeeded', data);
    const [, ...answers] = await lines(3);
    expect(answers.map((line) => JSON.parse(line) as object)).toMatchObject([
      { answer: { status: 500 } },
      { answer: { status: 204 } },
    ]);
    const sent = receiver.received.map(({ headers, body }) => [headers['webhook-id'], body.toString()]);
    expect(sent).toEqual([
      ['msg_1', data],
      ['msg_1', data],
    ]);
    for (const each of receiver.received) expect(() => isSigned(secret, each)).not.toThrow();
    await end('SIGINT');
  });

  test.each([
    ['a public address', ['--forward-to=http://192.0.2.1/hook'], '--allow-remote'],
    ['another scheme', ['--forward-to=ftp://localhost/'], '--forward-to'],
    ['a secret without a receiver', [`--secret=${SECRET}`], '--forward-to'],
    ['a secret that is none', ['--forward-to=http://localhost:1/', '--secret=abc'], 'whsec_'],
  ])('refuses %s and says what to do', async (_case, args, advice) => {
    const run = await cli(['events', 'listen', ...args], { GOOGLE_CLOUD_PROJECT: 'demo-none' });
    expect(run).toMatchObject(misused(advice));
  });

  test('says how to make a topic that does not exist', async () => {
    const { env } = await forTest(LocalProject.create());
    const run = await cli(['events', 'listen'], { ...env, EVENTS_TOPIC: 'missing-topic' });
    expect(run).toMatchObject(failed('Pub/Sub'));
    expect(run.stderr).not.toContain('    at ');
  });
});

describe('events trigger', async () => {
  const project = await forFile(LocalProject.create());
  const callback = await startFunction('geminiCallback', { ...project.env, WEBHOOK_SIGNING_SECRET: SECRET });
  await forFile({ close: async () => await callback.end('SIGKILL') });
  const TO = (receiver: TestReceiver) => [`--to=${receiver.url}`, `--secret=${SECRET}`];

  test.each(TRIGGER_TYPES)('signs %s, and geminiCallback publishes it', async (type) => {
    const env = { CALLBACK_URL: callback.url, WEBHOOK_SIGNING_SECRET: `${SECRET},${SECRET}` };
    const args = ['events', 'trigger', type, '--job=mine', '--metadata={"team":"search"}'];
    const sent = { event: { data: { id: 'mine' } }, answer: { status: 200 } };
    expect(await resultOf(args, env)).toMatchObject(sent);
    const [message] = await project.messages('gemini-events');
    const attributes = { event_type: type === 'ping' ? 'webhook.ping' : type, meta_team: 'search' };
    expect(message?.attributes).toMatchObject(attributes);
  });

  test('shows a refusal and exits with 1', async () => {
    const receiver = await TestReceiver.start();
    receiver.answers.push(401);
    const args = ['events', 'trigger', 'batch.failed', ...TO(receiver), '--data={"error_code":"13"}'];
    const run = await cli(args, {});
    expect(run).toMatchObject({ ...failed('answered 401'), stdout: expect.stringContaining('401') });
    expect(JSON.parse(String(receiver.received[0]?.body))).toMatchObject({ data: { error_code: '13' } });
  });

  test('prints a curl command that a shell understands, and sends nothing', async () => {
    const receiver = await TestReceiver.start();
    const args = ['events', 'trigger', 'ping', ...TO(receiver), '--dry-run', `--metadata={"it's":"$HOME"}`];
    const { command } = await resultOf<{ command: string }>(args, {});
    expect(receiver.received).toEqual([]);
    await promisify(execFile)('sh', ['-c', command]);
    const [sent] = receiver.received;
    expect(JSON.parse(String(sent?.body))).toMatchObject({ user_metadata: { "it's": '$HOME' } });
    expect(() => sent && isSigned(SECRET, sent)).not.toThrow();
  });

  test('asks before it writes to a deployed installation', async () => {
    const env = { CALLBACK_URL: 'https://hooks.example.test/', WEBHOOK_SIGNING_SECRET: SECRET };
    expect(await cli(['events', 'trigger', 'ping'], env)).toMatchObject(misused('--yes'));
  });

  test.each([
    ['no installation', ['ping'], '--project'],
    ['a receiver without its secret', ['ping', '--to=http://localhost:1/'], '--secret'],
    ['an unknown type', ['batch.exploded', '--to=http://localhost:1/'], 'batch.succeeded'],
    ['data that is no object', ['ping', '--to=http://localhost:1/', `--secret=${SECRET}`, '--data=[1]'], '--data'],
  ])('refuses %s and says what to do', async (_case, args, advice) => {
    expect(await cli(['events', 'trigger', ...args], {})).toMatchObject(misused(advice));
  });
});
