import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { beforeEach, expect, onTestFinished } from 'vitest';
import type { SettingsPatch } from '../../../simulator/settings.ts';
import { type SimulatorOptions, startSimulator } from '../../../simulator/simulator.ts';
import { cli, type CliRun } from '../../support/cli.ts';
import { forFile, temporaryFolder } from '../../support/opened.ts';
import { startSecretManager } from '../../support/secretManager.ts';
import { client, type Receiver, startReceiver } from '../../unit/simulator/harness.ts';
import { resultOf } from './harness.ts';

export const SECRET = /whsec_[A-Za-z0-9+/]{40,}=*/;

/** Starts what `webhooks …` uses: a simulator, a receiver, a Secret Manager, and a folder for each test. */
export async function startWebhookStage(options: SimulatorOptions = {}) {
  const [simulator, receiver, secretManager] = await Promise.all([
    forFile(startSimulator(options)),
    forFile(startReceiver()),
    forFile(startSecretManager()),
  ]);
  let folder = '';
  beforeEach(() => {
    folder = temporaryFolder();
    secretManager.secrets.clear();
    secretManager.refusesVersions = false;
    receiver.answer = 200;
  });
  const env: NodeJS.ProcessEnv = {
    GOOGLE_GEMINI_BASE_URL: simulator.url,
    GEMINI_API_KEY: 'any-key',
    GOOGLE_CLOUD_PROJECT: 'demo',
    SECRET_MANAGER_EMULATOR_HOST: secretManager.host,
  };
  const secretFile = () => join(folder, 'signing');
  return {
    simulator,
    receiver,
    secretManager,
    env,
    ai: client(simulator),
    folder: () => folder,
    secretFile,
    /** The secrets in the file, the newest first. */
    kept: () => readFileSync(secretFile(), 'utf8').trim().split('\n'),
    /** Runs `webhooks …` in the test's folder. */
    webhooks: async (...args: readonly string[]): Promise<CliRun> =>
      await cli(['webhooks', ...args, '--yes'], env, { cwd: folder }),
    /** The same with `--json`: its result. */
    result: async <T = Record<string, string>>(...args: readonly string[]): Promise<T> =>
      await resultOf<T>(['webhooks', ...args, '--yes'], env, { cwd: folder }),
    /** Makes calls fail until the end of the test. */
    failing: (...faults: NonNullable<NonNullable<SettingsPatch['api']>['faults']>) => {
      simulator.settings.patch({ api: { faults } });
      onTestFinished(() => void simulator.settings.patch({ api: { faults: [] } }));
    },
    /** Expects that Gemini is not called. */
    withoutRequests: async <T>(run: () => Promise<T>): Promise<T> => {
      const before = simulator.ledger.requests.length;
      const result = await run();
      expect(simulator.ledger.requests).toHaveLength(before);
      return result;
    },
    /** Returns the deliveries that a call causes. */
    deliveriesOf: async (run: () => Promise<unknown>): Promise<Receiver['received']> => {
      const before = receiver.received.length;
      await run();
      await expect.poll(() => receiver.received.length).toBe(before + 1);
      return receiver.received.slice(before);
    },
  };
}

/** Returns true where a delivery of the simulator is signed with this secret. */
export function isSignedWith(secret: string, { body, headers }: Receiver['received'][number]): boolean {
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
}
