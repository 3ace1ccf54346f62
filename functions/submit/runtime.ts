import { connectGemini } from '../gemini/client.ts';
import { routeUrl } from '../model/route.ts';
import { Log } from '../platform/log.ts';
import { connectFirestore } from '../store/firestore.ts';
import { Submissions } from '../store/submissions.ts';
import type { SubmitConfig } from './config.ts';
import { type Receipt, submitJob } from './handler.ts';
import { Starter } from './starter.ts';

export function connectSubmit(
  config: SubmitConfig,
  log = new Log(config.projectId),
): (body: Buffer, idempotencyKey: string | undefined) => Promise<Receipt> {
  const dependencies = {
    submissions: new Submissions(connectFirestore(config)),
    starter: new Starter(connectGemini(config.gemini)),
    urlOf: (route: string) => routeUrl(config.callbackUrl, route, config.routeKey),
    log,
    now: () => new Date(),
  };
  return async (body, idempotencyKey) => await submitJob(body, idempotencyKey, dependencies);
}
