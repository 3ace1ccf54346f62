import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import type { Page } from '../filters.ts';
import { withinAnswerTime, withStore } from '../store.ts';
import { nextPage } from '../terminal.ts';
import { linesOf, tableOf } from './describe.ts';
import { type FoundJob, type JobFilter, JobRecords } from './records.ts';

export async function listCommand(filter: JobFilter, page: Page, context: Context): Promise<void> {
  const { items, nextPageToken } = await withStore(
    context,
    async (firestore) => await new JobRecords(firestore).list(filter, page),
  );
  context.terminal.result({ jobs: items, nextPageToken }, () => (items.length === 0 ? 'No jobs.' : tableOf(items)));
  nextPage(nextPageToken, context.terminal);
}

export async function showCommand(id: string, context: Context): Promise<void> {
  const found = await withStore(context, (firestore) => requireJob(new JobRecords(firestore), id));
  context.terminal.result(found.record, () => linesOf(found));
}

/** @throws {CliError} `JOB_NOT_FOUND` */
export async function requireJob(records: JobRecords, id: string): Promise<FoundJob> {
  const found = await withinAnswerTime(records.find(id));
  if (found) return found;
  throw new CliError('JOB_NOT_FOUND', `There is no record of ${id}. List the jobs: gemini-callbacks jobs list`);
}
