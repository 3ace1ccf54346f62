import { geminiByKey } from '../gemini/client.ts';
import { routeUrl } from '../model/route.ts';
import { Log } from '../observability/log.ts';
import { Secrets } from '../config/secrets.ts';
import { Database } from '../store/database.ts';
import { Submissions } from '../store/submissions.ts';
import type { SubmitConfig } from './config.ts';
import { type Receipt, submitJob } from './pipeline.ts';
import { Starter } from './starter.ts';

export function connectSubmit(
  config: SubmitConfig,
  log = new Log(config.projectId),
): (body: Buffer, idempotencyKey: string | undefined) => Promise<Receipt> {
  const gemini = geminiByKey(config.gemini, log);
  const routeKeys = new Secrets({ name: 'DYNAMIC_ROUTE_KEY_FILE', source: config.routeKeys, make: String, log });
  const submissions = new Submissions(new Database(config));
  return async (body, idempotencyKey) => {
    const [access, key] = await Promise.all([gemini(), routeKeys.first()]);
    return await submitJob(body, idempotencyKey, {
      submissions,
      starter: new Starter(access),
      urlOf: (route: string) => routeUrl(config.callbackUrl, route, key),
      log,
    });
  };
}
