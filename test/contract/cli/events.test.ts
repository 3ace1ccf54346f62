import { PubSub } from '@google-cloud/pubsub';
import { Webhook } from 'standardwebhooks';
import { describe, expect, onTestFinished, test } from 'vitest';
import { TRIGGER_TYPES } from '../../../cli/events/samples.ts';
import { startFunction } from '../../../local/functions.ts';
import { eventually } from '../../../local/process.ts';
import { LocalProject } from '../../../local/project.ts';
import { cli, startCli } from '../../support/cli.ts';
import { TestReceiver } from '../../support/receiver.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

async function openProject(): Promise<LocalProject> {
  const project = await LocalProject.create();
  onTestFinished(async () => await project.close());
  return project;
}

async function publish(project: LocalProject, id: string, type: string, data: string, more = {}): Promise<void> {
  const attributes = { 'ce-id': id, 'ce-type': type, event_type: type, webhook_id: id, ...more };
  const topic = new PubSub({ projectId: project.projectId }).topic('gemini-events');
  await topic.publishMessage({ data: Buffer.from(data), attributes });
}

async function subscriptions(project: LocalProject): Promise<readonly string[]> {
  const [all] = await new PubSub({ projectId: project.projectId }).getSubscriptions();
  return all.map(({ name }) => name).filter((name) => name.includes('-listen-'));
}

/** Starts `events listen` and waits until its subscription is there. */
async function listen(project: LocalProject, ...args: readonly string[]) {
  const running = await startCli(['events', 'listen', ...args], project.env);
  onTestFinished(async () => void (await running.end('SIGKILL')));
  const output = { stdout: '', stderr: '' };
  running.stdout.on('data', (chunk) => (output.stdout += String(chunk)));
  running.stderr.on('data', (chunk) => (output.stderr += String(chunk)));
  await eventually('it listens', 20_000, async () => (await subscriptions(project)).length > 0 || undefined);
  const lines = async (count: number) =>
    await eventually(`${count} lines`, 20_000, async () => {
      const found = output.stdout.split('\n').filter(Boolean);
      return found.length >= count ? found : undefined;
    });
  return { running, output, lines };
}

describe('events listen', () => {
  test('prints the events of its filter, digits kept, and deletes its subscription at the end', async () => {
    const project = await openProject();
    const { running, lines } = await listen(project, '--json', '--type=batch.succeeded', '--route=nightly');
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
    expect(await running.end('SIGINT')).toBe(0);
    expect(await subscriptions(project)).toEqual([]);
  });

  test('prints a line for people', async () => {
    const project = await openProject();
    const { running, output, lines } = await listen(project);
    await publish(project, 'msg_1', 'interaction.completed', '{"type":"interaction.completed"}', {
      job_id: 'interactions/a',
    });
    await lines(1);
    expect(output.stdout).toMatch(/interaction\.completed +interactions\/a/);
    expect(await running.end('SIGTERM')).toBe(0);
    expect(await subscriptions(project)).toEqual([]);
  });

  test('forwards each event byte for byte, signed with the printed secret, again until it is accepted', async () => {
    const project = await openProject();
    const receiver = await TestReceiver.start();
    receiver.answers.push(500);
    const { running, output, lines } = await listen(project, '--json', `--forward-to=${receiver.url}`);
    const [first = ''] = await lines(1);
    const { secret } = JSON.parse(first) as { secret: string };
    const data = '{ "type" : "batch.succeeded",  "data":{"id":"batches/ü"} }';
    await publish(project, 'msg_1', 'batch.succeeded', data);

    await lines(3);
    expect(receiver.received).toHaveLength(2);
    for (const { headers, body } of receiver.received) {
      expect(body.toString()).toBe(data);
      expect(headers['webhook-id']).toBe('msg_1');
      expect(() => new Webhook(secret).verify(body, headers as Record<string, string>)).not.toThrow();
    }
    const answers = output.stdout
      .split('\n')
      .slice(1, 3)
      .map((line) => (JSON.parse(line) as { answer: object }).answer);
    expect(answers).toMatchObject([{ status: 500 }, { status: 204 }]);
    expect(await running.end('SIGINT')).toBe(0);
  });

  test.each([
    ['a public address', ['--forward-to=http://192.0.2.1/hook'], '--allow-remote'],
    ['another scheme', ['--forward-to=ftp://localhost/'], '--forward-to'],
    ['a secret without a receiver', [`--secret=${SECRET}`], '--forward-to'],
    ['a secret that is none', ['--forward-to=http://localhost:1/', '--secret=abc'], 'whsec_'],
  ])('refuses %s and says what to do', async (_case, args, advice) => {
    const { exitCode, stderr } = await cli(['events', 'listen', ...args], { GOOGLE_CLOUD_PROJECT: 'demo-none' });
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(advice) as string]);
  });

  test('says how to make a topic that does not exist', async () => {
    const env = { ...(await openProject()).env, EVENTS_TOPIC: 'missing-topic' };
    const { exitCode, stderr } = await cli(['events', 'listen'], env);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('Pub/Sub');
    expect(stderr).not.toContain('    at ');
  });
});

describe('events trigger', () => {
  test.each(TRIGGER_TYPES)('%s is signed, and geminiCallback publishes it', async (type) => {
    const project = await openProject();
    const callback = await startFunction('geminiCallback', { ...project.env, WEBHOOK_SIGNING_SECRET: SECRET });
    onTestFinished(async () => void (await callback.end('SIGKILL')));
    const args = ['--json', 'events', 'trigger', type, '--job=mine', '--metadata={"team":"search"}'];
    const { exitCode, stdout } = await cli(args, {
      CALLBACK_URL: callback.url,
      WEBHOOK_SIGNING_SECRET: `${SECRET},${SECRET}`,
    });
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ event: { data: { id: 'mine' } }, answer: { status: 200 } });
    const [message] = await project.messages('gemini-events');
    expect(message?.attributes).toMatchObject({ meta_team: 'search' });
    expect(message?.attributes['event_type']).toBe(type === 'ping' ? 'webhook.ping' : type);
  });

  test('shows a refusal and exits with 1', async () => {
    const receiver = await TestReceiver.start();
    receiver.answers.push(401);
    const args = [
      'events',
      'trigger',
      'batch.failed',
      `--to=${receiver.url}`,
      `--secret=${SECRET}`,
      '--data={"error_code":"13"}',
    ];
    const { exitCode, stdout, stderr } = await cli(args, {});
    expect(exitCode).toBe(1);
    expect(stdout).toContain('401');
    expect(stderr).toContain('answered 401');
    expect(JSON.parse(receiver.received[0]?.body.toString() ?? '')).toMatchObject({ data: { error_code: '13' } });
  });

  test('prints a curl command that a shell understands, and sends nothing', async () => {
    const receiver = await TestReceiver.start();
    const args = ['--json', 'events', 'trigger', 'ping', `--to=${receiver.url}`, `--secret=${SECRET}`, '--dry-run'];
    const { exitCode, stdout } = await cli([...args, `--metadata={"it's":"$HOME"}`], {});
    const { command } = JSON.parse(stdout) as { command: string };
    expect([exitCode, receiver.received]).toEqual([0, []]);
    const { execFile } = await import('node:child_process');
    await new Promise((resolve) => execFile('sh', ['-c', command], resolve));
    const [sent] = receiver.received;
    expect(JSON.parse(sent?.body.toString() ?? '')).toMatchObject({ user_metadata: { "it's": '$HOME' } });
    expect(() => new Webhook(SECRET).verify(sent?.body ?? '', sent?.headers as Record<string, string>)).not.toThrow();
  });

  test('asks before it writes to a deployed installation', async () => {
    const env = { CALLBACK_URL: 'https://hooks.example.test/', WEBHOOK_SIGNING_SECRET: SECRET };
    const { exitCode, stderr } = await cli(['events', 'trigger', 'ping'], env);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('--yes') as string]);
  });

  test.each([
    ['no installation', ['ping'], '--project'],
    ['a receiver without its secret', ['ping', '--to=http://localhost:1/'], '--secret'],
    ['an unknown type', ['batch.exploded', '--to=http://localhost:1/'], 'batch.succeeded'],
    ['data that is no object', ['ping', '--to=http://localhost:1/', `--secret=${SECRET}`, '--data=[1]'], '--data'],
  ])('refuses %s and says what to do', async (_case, args, advice) => {
    const { exitCode, stderr } = await cli(['events', 'trigger', ...args], {});
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(advice) as string]);
  });
});
