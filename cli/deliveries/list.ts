import { textOf } from '../../functions/model/json.ts';
import type { Context } from '../context.ts';
import type { Filter, Page } from '../filters.ts';
import { withStore } from '../store.ts';
import { fields, nextPage, table } from '../terminal.ts';
import { findDelivery, listDeliveries, type ShownDelivery } from './records.ts';

export async function listCommand(filter: Filter, page: Page, context: Context): Promise<void> {
  const { items, nextPageToken } = await withStore(context, (firestore) => listDeliveries(firestore, filter, page));
  context.terminal.result({ deliveries: items, nextPageToken }, () =>
    items.length === 0 ? 'No deliveries.' : tableOf(items),
  );
  nextPage(nextPageToken, context.terminal);
}

export async function showCommand(id: string, context: Context): Promise<void> {
  const found = await withStore(context, (firestore) => findDelivery(firestore, id));
  context.terminal.result(found, () => deliveryLines(found));
}

export function deliveryLines(delivery: ShownDelivery): string {
  const entries = Object.entries(delivery).map(([name, value]) => [name, textOf(value) || JSON.stringify(value)]);
  return fields(Object.fromEntries(entries) as Record<string, string>);
}

function tableOf(list: readonly ShownDelivery[]): string {
  const rows = list.map((one) => [one.webhookId, one.state, one.type, one.jobId, one.firstReceivedAt, one.attempts]);
  return table(['ID', 'STATE', 'TYPE', 'JOB', 'RECEIVED', 'SEEN'], rows);
}
