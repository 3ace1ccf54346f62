import type { Context } from '../context.ts';
import { usageError } from '../errors.ts';
import { connectWebhooks, type WebhookChange } from './administration.ts';
import type { WebhookOptions } from './create.ts';
import { webhookLines } from './describe.ts';
import { requireEndpoint, requireEvents } from './validation.ts';

export interface UpdateOptions extends WebhookOptions {
  readonly enable?: true;
  readonly disable?: true;
}

export async function updateCommand(id: string, options: UpdateOptions, context: Context): Promise<void> {
  const { webhooks, baseUrl } = await connectWebhooks(context);
  const change = changeOf(options, baseUrl);
  await context.confirm(`change ${Object.keys(change).join(', ')} of the webhook ${id}`);
  const webhook = await webhooks.update(id, change);
  context.terminal.result(webhook, () => webhookLines(webhook));
}

export async function deleteCommand(id: string, context: Context): Promise<void> {
  const { webhooks } = await connectWebhooks(context);
  await context.confirm(`delete the webhook ${id}`);
  await webhooks.delete(id);
  context.terminal.result({ id, deleted: true }, () => `Deleted ${id}.`);
}

function changeOf(options: UpdateOptions, baseUrl: URL): WebhookChange {
  const { uri, events, name, enable, disable, force = false } = options;
  const change: WebhookChange = {
    ...(name === undefined ? {} : { name }),
    ...(uri === undefined ? {} : { uri: requireEndpoint(uri, baseUrl) }),
    ...(events === undefined ? {} : { subscribed_events: requireEvents(events, { force }) }),
    ...(enable ? { state: 'enabled' } : {}),
    ...(disable ? { state: 'disabled' } : {}),
  };
  if (Object.keys(change).length > 0) return change;
  throw usageError('There is nothing to change. Add --uri, --events, --name, --enable or --disable.');
}
