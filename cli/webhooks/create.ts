import type { Context } from '../context.ts';
import { connectWebhooks } from './administration.ts';
import { webhookLines } from './describe.ts';
import { pingAfterwards } from './ping.ts';
import { prepare, type SecretOptions, storeOf } from './secretOptions.ts';
import { keepSecret } from './secretStores.ts';
import { requireEndpoint, requireEvents } from './validation.ts';

export interface WebhookOptions {
  readonly name?: string;
  readonly uri?: string;
  readonly events?: string;
  readonly force?: true;
}

export type CreateOptions = WebhookOptions & SecretOptions;

/** Registers a webhook. Everything is checked before Gemini makes a secret, which it shows once. */
export async function createCommand(options: CreateOptions, context: Context): Promise<void> {
  const { terminal } = context;
  const { webhooks, baseUrl } = await connectWebhooks(context);
  const { uri = '', events = '', name, force = false } = options;
  const subscribed = { uri: requireEndpoint(uri, baseUrl), subscribed_events: requireEvents(events, { force }) };
  const store = await storeOf(options, context);
  const known = await prepare(store);

  const { webhook, secret } = await webhooks.create({ ...subscribed, ...(name ? { name } : {}) });
  const done = `The webhook ${webhook.id} is registered`;
  if (store) await keepSecret(store, [secret, ...known], { id: webhook.id, done });
  const printed = options.printSecret ? { new_signing_secret: secret } : {};
  terminal.result(
    { ...webhook, ...printed },
    () => `${webhookLines(webhook)}${options.printSecret ? `\n${secret}` : ''}`,
  );
  if (store) terminal.note(`The signing secret is in ${store.name}.`);
  await pingAfterwards(webhooks, webhook, done, terminal);
}
