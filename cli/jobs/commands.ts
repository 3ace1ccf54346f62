import { type Command, Option } from 'commander';
import { JOB_STATES } from '../../functions/model/eventTypes.ts';
import { JOB_KINDS, type JobKind } from '../../functions/model/jobName.ts';
import type { Context } from '../context.ts';
import { type FilterFlags, type PageFlags, readFilter, readPage, withFilters, withPages } from '../filters.ts';
import { requireWhole } from '../optionValues.ts';

/** A timer takes no more than 2^31 milliseconds. */
const MAX_TIMEOUT_SECONDS = 2_000_000;

const ID = 'job name (batches/abc), document id (batches~abc), or the name without its collection';

/** Adds `jobs …`: the records of Gemini's jobs, and what an operator can do about a job. */
export function addJobCommands(program: Command, context: () => Context): void {
  const jobs = program.command('jobs').description('list, show, follow, read, retry, cancel and reconcile jobs');

  withPages(withFilters(jobs.command('list'), JOB_STATES))
    .description('list jobs, the latest change first')
    .addOption(new Option('--kind <kind>', 'only of this kind').choices(JOB_KINDS))
    .addHelpText('after', '\nExample:\n  gemini-callbacks jobs list --state=running --since=2h')
    .action(async ({ limit, pageToken, kind, ...filter }: FilterFlags & PageFlags & { kind?: JobKind }) => {
      const { listCommand } = await import('./list.ts');
      const page = readPage({ limit, ...(pageToken === undefined ? {} : { pageToken }) });
      await listCommand({ ...readFilter(filter), kind }, page, context());
    });

  jobs
    .command('show')
    .description('show the record of a job and its timeline')
    .argument('<id>', ID)
    .action(async (id: string) => await (await import('./list.ts')).showCommand(id, context()));

  jobs
    .command('results')
    .description('read all results of a job from Gemini, as a table, or with --json as one line for each')
    .argument('<id>', ID)
    .option('--output <path>', 'write JSON Lines to this file; or into this folder, with the videos beside them')
    .addHelpText('after', '\nExample:\n  gemini-callbacks jobs results batches/abc --output=results.jsonl')
    .action(async (id: string, options: { output?: string }) => {
      await (await import('./results.ts')).resultsCommand(id, options, context());
    });

  jobs
    .command('cancel')
    .description('cancel a job at Gemini; its record follows when Gemini has ended it')
    .argument('<id>', ID)
    .action(async (id: string) => {
      await (await import('./cancel.ts')).cancelCommand(id, context());
    });

  jobs
    .command('retry')
    .description('fetch the results of a job again, or of all jobs whose results have failed or stalled')
    .argument('[id]', ID)
    .option('--failed', 'all jobs whose results have failed, or have not changed for an hour')
    .addHelpText('after', '\nExample:\n  gemini-callbacks jobs retry --failed --yes')
    .action(async (id: string | undefined, options: { failed?: true }) => {
      await (await import('./retry.ts')).retryCommand(id, options, context());
    });

  jobs
    .command('watch')
    .description('wait until a job has ended and its results are published; exits 0 where it succeeded')
    .argument('<id>', ID)
    .option('--timeout <seconds>', 'wait no longer than this')
    .action(async (id: string, { timeout }: { timeout?: string }) => {
      const timeoutSeconds =
        timeout === undefined ? undefined : requireWhole('--timeout', timeout, MAX_TIMEOUT_SECONDS);
      await (await import('./watch.ts')).watchCommand(id, { timeoutSeconds }, context());
    });

  jobs
    .command('reconcile')
    .description('recover missed callbacks and stuck deliveries once, as reconcileJobs does')
    .action(async () => await (await import('./reconcile.ts')).reconcileCommand(context()));
}
