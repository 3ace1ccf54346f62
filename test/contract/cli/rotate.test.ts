import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startFunction } from '../../../local/functions.ts';
import { LocalProject } from '../../../local/project.ts';
import { forTest } from '../../support/opened.ts';
import { HOUR_MILLIS } from '../../unit/simulator/harness.ts';
import { errorOf } from './harness.ts';
import { SECRET, startWebhookStage } from './webhookStage.ts';

const { simulator, receiver, ai, folder, secretFile, kept, webhooks, result, failing } = await startWebhookStage({
  clock: { manual: true },
});

/** Writes a secret before all others of the file. */
function keep(secret: string): string {
  const before = existsSync(secretFile()) ? kept() : [];
  writeFileSync(secretFile(), [secret, ...before].join('\n'));
  return secret;
}

/** Creates a webhook whose secret is in the file before all others. */
async function registered(uri = receiver.url): Promise<{ id: string; secret: string }> {
  const { id = '', new_signing_secret: secret = '' } = await ai.webhooks.create({
    uri,
    subscribed_events: ['batch.succeeded'],
  });
  return { id, secret: keep(secret) };
}

const rotation = (id: string) => ['rotate', id, '--secret-file', secretFile()];
const truncated = (secret: string) => `whsec_...${secret.slice(-4)}`;

test('stores the new secret with the old one, verified by the running function, which rereads it', async () => {
  const project = await forTest(LocalProject.create());
  const { id, secret } = await registered();
  const callback = await startFunction('geminiCallback', {
    ...project.env,
    WEBHOOK_SIGNING_SECRET_FILE: secretFile(),
  });
  onTestFinished(async () => void (await callback.end()));
  await ai.webhooks.update(id, { uri: callback.url });
  const { exitCode, stdout, stderr } = await webhooks(...rotation(id), '--wait', '60');
  expect([exitCode, stderr]).toEqual([0, expect.stringContaining('Proved')]);
  expect(stdout).toMatch(/The old one ends \d{4}-/);
  expect(stdout + stderr).not.toMatch(SECRET);
  expect(kept()).toEqual([expect.stringMatching(SECRET), secret]);
  await simulator.clock.advance(1_000);
  await expect.poll(async () => await project.documentIds('deliveries')).toHaveLength(2);
  expect(await project.documentIds('jobs')).toEqual([id]);
}, 90_000);

test('with --revoke-now the old secret is dropped, those of other webhooks stay', async () => {
  const other = await registered();
  const { id, secret } = await registered();
  expect(kept()).toEqual([secret, other.secret]);
  expect(await result(...rotation(id), '--revoke-now')).toMatchObject({ old_secret_ends: 'now' });
  expect(kept()).toEqual([expect.not.stringContaining(secret), other.secret]);
});

test('where the function does not accept the new secret, says so, and has kept both', async () => {
  const { id, secret } = await registered();
  receiver.answer = 401;
  const run = await webhooks(...rotation(id), '--wait', '1', '--json');
  expect(run.exitCode).toBe(1);
  expect(JSON.parse(run.stdout)).toMatchObject({ id, uri: receiver.url });
  expect(errorOf(run)).toMatchObject({ code: 'ROTATION_NOT_PROVED', message: expect.stringContaining('401') });
  expect(kept()).toEqual([expect.stringMatching(SECRET), secret]);
  await ai.webhooks.update(id, { uri: 'http://127.0.0.1:9/' });
  const unreachable = await webhooks(...rotation(id), '--wait', '0');
  expect(unreachable).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('(bad port)') });
});

test('where only the ping fails, says that there is nothing to repeat', async () => {
  const { id, secret } = await registered();
  failing({ method: 'webhooks.ping', status: 503 });
  const run = await webhooks(...rotation(id), '--json');
  const message = expect.stringContaining('rotated, kept and proved, but the ping failed') as string;
  expect([run.exitCode, errorOf(run)]).toEqual([1, expect.objectContaining({ code: 'NOT_PINGED', message })]);
  expect(kept()).toEqual([expect.stringMatching(SECRET), secret]);
});

test('where Gemini fails says that the old secret may have ended', async () => {
  const { id } = await registered();
  failing({ method: 'webhooks.rotateSigningSecret', status: 500 });
  const run = await webhooks('rotate', id, '--print-secret', '--revoke-now');
  expect(run).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('Rotate again at once') });
});

test('where the secret cannot be kept nothing is rotated', async () => {
  const { id, secret } = await registered();
  const run = await webhooks('rotate', id, '--secret-file', join(folder(), 'signing/below'));
  expect(run).toMatchObject({ exitCode: 1 });
  expect((await webhooks('show', id)).stdout).toContain(secret.slice(-4));
});

test('reports secrets that no webhook signs with, and removes them only on request, because another project may use them', async () => {
  const foreign = 'whsec_Zm9yZWlnbi1mb3JlaWduLWZvcmVpZ24tZm9yZWlnbiE=';
  const other = await registered();
  const { id, secret: first } = await registered();
  keep(foreign);
  const second = keep((await ai.webhooks.rotateSigningSecret(id)).secret ?? '');

  await simulator.clock.advance(HOUR_MILLIS);
  expect(await result(...rotation(id))).toMatchObject({
    old_secret_ends: new Date(simulator.clock.now() + 24 * HOUR_MILLIS).toISOString(),
    unlisted_secrets: [truncated(foreign)],
    dropped_secrets: [],
  });
  const [third = ''] = kept();
  expect(kept()).toEqual([third, second, foreign, first, other.secret]);

  await simulator.clock.advance(25 * HOUR_MILLIS);
  expect(await result(...rotation(id), '--drop-unlisted')).toMatchObject({
    unlisted_secrets: [],
    dropped_secrets: [second, foreign, first].map(truncated),
  });
  const [fourth = ''] = kept();
  expect(kept()).toEqual([fourth, third, other.secret]);

  await simulator.clock.advance(25 * HOUR_MILLIS);
  const { stdout } = await webhooks(...rotation(id), '--revoke-now');
  expect(stdout).toContain(`Removed: ${truncated(third)}, which`);
  expect(kept()).toEqual([expect.not.stringContaining(fourth), other.secret]);
});
