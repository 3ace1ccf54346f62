import type { RequestListener } from 'node:http';
import { connectFirestore } from '../store/firestore.ts';
import { Deliveries } from '../store/deliveries.ts';
import { Publisher } from '../messaging/publisher.ts';
import { Log } from '../observability/log.ts';
import { readCallbackConfig } from './config.ts';
import { handleCallback } from './pipeline.ts';
import { listener } from './http.ts';
import { KeySet } from './keySet.ts';
import { boundYoungGeneration } from '../runtime/memory.ts';
import { Secrets } from '../config/secrets.ts';
import { v1Signer } from './v1.ts';

/** 80 concurrent requests allocate this much between two collections; more saves no processor time (npm run bench). */
const YOUNG_GENERATION_BYTES = 32 * 1_048_576;

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
    deliveries: new Deliveries(connectFirestore(config), { ttlDays: config.ttlDays }),
    publisher: new Publisher(config),
    log,
    now: () => new Date(),
  };
  const grown = boundYoungGeneration(YOUNG_GENERATION_BYTES);
  return listener((request) => {
    grown();
    return handleCallback(request, dependencies);
  });
}
