import type { Context } from '../context.ts';
import { table } from '../terminal.ts';
import { connectWebhooks, type Webhook } from './administration.ts';
import { webhookLines } from './describe.ts';

export async function listCommand(context: Context): Promise<void> {
  const { webhooks } = await connectWebhooks(context);
  const list = await webhooks.list();
  context.terminal.result({ webhooks: list }, () => (list.length === 0 ? 'No webhooks.' : tableOf(list)));
}

export async function showCommand(id: string, context: Context): Promise<void> {
  const { webhooks } = await connectWebhooks(context);
  const webhook = await webhooks.get(id);
  context.terminal.result(webhook, () => webhookLines(webhook));
}

function tableOf(webhooks: readonly Webhook[]): string {
  return table(
    ['ID', 'NAME', 'STATE', 'URI', 'EVENTS'],
    webhooks.map(({ id, name, state, uri, subscribed_events: events }) => [id, name, state, uri, events.join(', ')]),
  );
}
