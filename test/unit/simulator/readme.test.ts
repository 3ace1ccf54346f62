import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { given, JOB_MILLIS, setUp } from './harness.ts';

const ROOT = join(import.meta.dirname, '../../..');
const README = readFileSync(join(ROOT, 'simulator/README.md'), 'utf8');

/** Runs the README's code in a language as the given file, and returns its output so far. */
function run(language: string, file: string, env: Readonly<Record<string, string>>, port = 3_000) {
  const folder = mkdtempSync(join(tmpdir(), 'simulator-readme-'));
  const [, code = ''] = new RegExp(`\\n\`\`\`${language}\\n([^]*?)\`\`\``).exec(README) ?? [];
  writeFileSync(join(folder, file), code.replace('3000', String(port)));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const child = spawn(process.execPath, [file], { cwd: folder, env: { PATH: process.env['PATH'], ...env } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()));
  onTestFinished(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });
  return { child, output: () => output };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('the README', () => {
  test('starts a batch', async () => {
    const { simulator } = await setUp();
    const env = { GOOGLE_GEMINI_BASE_URL: simulator.url, GEMINI_API_KEY: 'any-key' };
    const { child, output } = run('ts', 'batch.mts', env);
    await once(child, 'close');
    expect(output()).toBe(`${simulator.jobs()[0]?.name}\n`);
  });

  test('receives a webhook, and refuses a forged and an old delivery', async () => {
    const { simulator, ai } = await setUp({ settings: { deliveries: { timestamp: 'machine' } } });
    const port = await freePort();
    const uri = `http://127.0.0.1:${port}/`;
    const { new_signing_secret: secret } = await ai.webhooks.create({ uri, subscribed_events: ['batch.succeeded'] });
    const { output } = run('js', 'receiver.mjs', { WEBHOOK_SECRET: given(secret) }, port);
    await expect
      .poll(
        async () =>
          await fetch(uri).then(
            ({ status }) => status,
            () => 0,
          ),
        { timeout: 10_000 },
      )
      .toBe(401);
    await ai.batches.create({ model: 'm', src: [{ contents: [{ parts: [{ text: 'hello' }] }] }] });
    await simulator.clock.advance(JOB_MILLIS);
    const { webhookId, attempts } = given(simulator.ledger.deliveries[0]);
    await simulator.redeliver(webhookId, 'wrong_signature');
    await simulator.redeliver(webhookId, 'stale');
    expect(attempts.map(({ answer }) => answer?.status)).toEqual([204, 401, 401]);
    expect(output()).toContain("type: 'batch.succeeded'");
  });
});
