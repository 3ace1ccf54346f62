import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { GoogleGenAI } from '@google/genai';
import { describe, expect, onTestFinished, test } from 'vitest';
import { given, prompt, startReceiver } from './harness.ts';

const main = new URL('../../../simulator/main.ts', import.meta.url).pathname;

function start(
  environment: Record<string, string>,
  ...args: readonly string[]
): { child: ChildProcessWithoutNullStreams; output: () => string } {
  const child = spawn(process.execPath, [main, ...args], { env: { ...process.env, PORT: '0', ...environment } });
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output += data.toString()));
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, output: () => output };
}

async function url(output: () => string): Promise<string> {
  const pattern = /export GOOGLE_GEMINI_BASE_URL=(\S+)/;
  await expect.poll(output, { timeout: 10_000 }).toMatch(pattern);
  return pattern.exec(output())?.[1] ?? '';
}

describe('the program', () => {
  test('prints how to use it and what happens, and ends cleanly', async () => {
    const receiver = await startReceiver();
    onTestFinished(async () => await receiver.close());
    const { child, output } = start({
      SEED: 'mine',
      CLOCK_START: '2026-05-28T20:26:40Z',
      SIMULATOR_JOBS_PENDING_MILLIS: '0',
      SIMULATOR_JOBS_RUNNING_MILLIS: '0',
    });
    const ai = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: await url(output) } });
    const config = { webhookConfig: { uris: [receiver.url] } };
    const { name } = await ai.batches.create({ model: 'm', src: [prompt('hello')], config });
    await expect.poll(output, { timeout: 10_000 }).toContain('delivered');
    expect(output()).toContain('seed mine');
    for (const line of ['request   batches.create  200', `job       ${name}  succeeded`, 'event     batch.succeeded']) {
      expect(output()).toContain(line);
    }
    const { headers, body } = given(receiver.received[0]);
    expect(body).toContain('"timestamp":"2026-05-28T20:26:4');
    expect(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1000)).toBeLessThan(60);
    expect(output()).toMatch(/attempt {3}msg_\S+ {2}#1 {2}200 {2}\d+ ms/);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  test('lists every setting with its default for --help, and starts nothing', async () => {
    const { child, output } = start({}, '--help');
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(output()).toContain(`
  SIMULATOR_DELIVERIES_SCHEME=v1a
      Signature of dynamic deliveries: Ed25519 or a JWT. One of v1a, RS256, EdDSA.
`);
    expect(output()).not.toContain('export');
  });

  test('says in one line why it cannot start', async () => {
    const receiver = await startReceiver();
    onTestFinished(async () => await receiver.close());
    const taken = new URL(receiver.url).port;
    for (const [environment, options, reason] of [
      [{ SIMULATOR_JOBS_SPEED: '1' }, [], 'there is no setting SIMULATOR_JOBS_SPEED'],
      [{}, ['--speed'], "Unknown option '--speed' (--help lists what can be set)"],
      [{}, ['--port', taken], `listen EADDRINUSE: address already in use 127.0.0.1:${taken}`],
    ] as const) {
      const { child, output } = start(environment, ...options);
      expect(await once(child, 'close')).toEqual([1, null]);
      expect(output()).toContain(`The simulator cannot start: ${reason}`);
      expect(output().trim().split('\n')).toHaveLength(1);
    }
  });
});
