import type { Context } from '../context.ts';
import type { Page } from '../filters.ts';
import { withStore } from '../store.ts';
import { nextPage } from '../terminal.ts';
import { jobLines, tableOf } from './jobText.ts';
import { type JobFilter, listJobs, requireJob } from './records.ts';

export async function listCommand(filter: JobFilter, page: Page, context: Context): Promise<void> {
  const { items, nextPageToken } = await withStore(context, (firestore) => listJobs(firestore, filter, page));
  context.terminal.result({ jobs: items, nextPageToken }, () => (items.length === 0 ? 'No jobs.' : tableOf(items)));
  nextPage(nextPageToken, context.terminal);
}

export async function showCommand(id: string, context: Context): Promise<void> {
  const found = await withStore(context, (firestore) => requireJob(firestore, id));
  context.terminal.result(found.record, () => jobLines(found));
}
