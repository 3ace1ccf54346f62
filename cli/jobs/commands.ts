import { type Command, Option } from 'commander';
import type { JobState } from '../../functions/model/eventTypes.ts';
import type { JobKind } from '../../functions/model/jobName.ts';
import { CliError } from '../errors.ts';
import { requireWhole } from '../options.ts';
import { fields, type Terminal } from '../terminal.ts';
import { linesOf, tableOf } from './describe.ts';
import { addRetryCommand } from './retry.ts';
import { type FoundJob, JobRecords } from './records.ts';
import { answered, storeError, withStore } from './store.ts';
import { watchJob } from './watch.ts';

const STATES: readonly JobState[] = [
  'submitted',
  'running',
  'requires_action',
  'succeeded',
  'failed',
  'cancelled',
  'expired',
  'unknown',
];

const KINDS: readonly JobKind[] = ['batch', 'interaction', 'video', 'unknown'];

const MAX_LIMIT = 1_000;

/** A timer takes no more than 2^31 milliseconds. */
const MAX_TIMEOUT_SECONDS = 2_000_000;

const ID = 'its name (batches/abc), the id of its document (batches~abc), or the name without what stands before the /';

interface ListOptions {
  readonly state?: JobState;
  readonly kind?: JobKind;
  readonly limit: string;
}

/** Adds `jobs …`: what the records in Firestore say of Gemini's jobs. */
export function addJobCommands(program: Command, terminal: () => Terminal, variables: NodeJS.ProcessEnv): void {
  const jobs = program.command('jobs').description('look at the records of jobs');

  jobs
    .command('list')
    .description('show those that changed last')
    .addOption(new Option('--state <state>', 'only those in this state').choices(STATES))
    .addOption(new Option('--kind <kind>', 'only those of this kind').choices(KINDS))
    .option('--limit <number>', 'no more than so many', '20')
    .action(async ({ limit: text, ...filter }: ListOptions) => {
      const limit = requireWhole('--limit', text, MAX_LIMIT);
      const list = await withStore(variables, async (firestore) => {
        return await answered(new JobRecords(firestore).list({ ...filter, limit }));
      });
      terminal().result({ jobs: list }, () => (list.length === 0 ? 'No jobs.' : tableOf(list)));
    });

  jobs
    .command('show')
    .description('show everything that is recorded of one')
    .argument('<id>', ID)
    .action(async (id: string) => {
      const found = await withStore(variables, async (firestore) => await answered(new JobRecords(firestore).find(id)));
      if (!found) throw notFound(id);
      show(found, terminal());
    });

  jobs
    .command('reconcile')
    .description('finish what push has left behind, once, as reconcileJobs does')
    .action(async () => {
      const [{ readReconcileConfig }, { connectReconciler }, { Log }] = await Promise.all([
        import('../../functions/reconcile/config.ts'),
        import('../../functions/reconcile/runtime.ts'),
        import('../../functions/observability/log.ts'),
      ]);
      const log = new Log(undefined, (line) => terminal().note(line.trimEnd()));
      const run = connectReconciler(readReconcileConfig(variables), log);
      const summary = await run().catch((error: unknown) => {
        throw storeError(error, variables);
      });
      terminal().result(summary, () => fields({ ...summary }));
      if (summary.errors > 0)
        throw new CliError(
          'RECONCILE_INCOMPLETE',
          `${summary.errors} could not be finished; the next run tries again.`,
        );
    });

  addRetryCommand(jobs, terminal, variables);

  jobs
    .command('watch')
    .description('wait until one is at its end and its results are out; exit code 0 where it has succeeded')
    .argument('<id>', ID)
    .option('--timeout <seconds>', 'wait no longer than this')
    .action(async (id: string, { timeout }: { timeout?: string }) => {
      const timeoutSeconds =
        timeout === undefined ? undefined : requireWhole('--timeout', timeout, MAX_TIMEOUT_SECONDS);
      await followJob(id, { timeoutSeconds }, terminal(), variables);
    });
}

/** Waits for the end of a job, prints its record, and throws where it has not succeeded. */
async function followJob(
  id: string,
  options: { readonly timeoutSeconds?: number | undefined },
  terminal: Terminal,
  variables: NodeJS.ProcessEnv,
): Promise<void> {
  const { found, failure, remark } = await watchJob(
    id,
    { timeoutSeconds: options.timeoutSeconds },
    terminal,
    variables,
  );
  if (remark) terminal.note(remark);
  if (found) show(found, terminal);
  if (failure) throw failure;
}

function show(found: FoundJob, terminal: Terminal): void {
  terminal.result(found.record, () => linesOf(found));
}

function notFound(id: string): CliError {
  return new CliError('JOB_NOT_FOUND', `There is no record of ${id}. "jobs list" shows those that there are.`);
}
