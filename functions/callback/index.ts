import type { RequestListener } from 'node:http';
import { Database } from '../store/database.ts';
import { Deliveries } from '../store/deliveries.ts';
import { Publisher } from '../messaging/publisher.ts';
import { Log } from '../observability/log.ts';
import { readCallbackConfig } from './config.ts';
import { handleCallback } from './pipeline.ts';
import { listener } from './listener.ts';
import { KeySet } from './keySet.ts';
import { Secrets } from '../config/secrets.ts';
import { v1Signer } from './v1.ts';

/**
 * Composes `geminiCallback` from the environment.
 *
 * @throws {ConfigError} naming every bad variable.
 */
export function createGeminiCallback(variables: NodeJS.ProcessEnv): RequestListener {
  const config = readCallbackConfig(variables);
  const log = new Log(config.projectId);
  const signers = new Secrets({
    name: 'WEBHOOK_SIGNING_SECRET_FILE',
    source: config.signingSecrets,
    make: v1Signer,
    log,
  });
  const routeKeys = new Secrets({ name: 'DYNAMIC_ROUTE_KEY_FILE', source: config.routeKeys, make: String, log });
  const dependencies = {
    trust: {
      signers: () => signers.values(),
      routeKeys: () => routeKeys.values(),
      keySet: new KeySet({ url: config.jwksUrl, log }),
      audience: config.audience,
      toleranceSeconds: config.toleranceSeconds,
    },
    deliveries: new Deliveries(new Database(config), { ttlDays: config.ttlDays }),
    publisher: new Publisher(config),
    log,
    now: () => new Date(),
  };
  return listener(async (request) => await handleCallback(request, dependencies));
}
