import { readReconcileConfig } from '../../functions/reconcile/config.ts';
import { connectReconciler } from '../../functions/reconcile/runtime.ts';
import { Log } from '../../functions/observability/log.ts';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { backendError, FIRESTORE } from '../failureReport.ts';
import { GEMINI, MESSAGING, RECONCILE, STORE } from '../installation/variableGroups.ts';
import { fields } from '../terminal.ts';

/** Runs reconcileJobs once, in this process. */
export async function reconcileCommand(context: Context): Promise<void> {
  const others = ['DELIVERY_TTL_DAYS', 'CALLBACK_URL'] as const;
  const variables = await context.settings(...STORE, ...MESSAGING, ...GEMINI, ...RECONCILE, ...others);
  const config = readReconcileConfig(variables);
  await context.confirm('publish stuck deliveries and query Gemini about jobs without events');
  const log = new Log(undefined, (line) => context.terminal.note(line.trimEnd()));
  const summary = await connectReconciler(config, log)().catch((error: unknown) => {
    throw backendError(FIRESTORE, error, variables);
  });
  context.terminal.result(summary, () => fields({ ...summary }));
  if (summary.errors > 0)
    throw new CliError('RECONCILE_INCOMPLETE', `${summary.errors} items failed. The next run retries them.`);
}
