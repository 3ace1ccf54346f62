import { type JsonObject, objectsIn, stringAt } from '../model/json.ts';
import { withSignal } from '../runtime/race.ts';
import type { RunState } from './runState.ts';

interface DisabledWebhook {
  readonly id: string;
  readonly uri: string;
}

const MAX_PAGE_SIZE = 1_000;

/** Logs the webhooks that Gemini has disabled after failed deliveries, and enables them again where that is configured. */
export async function checkWebhooks(run: RunState): Promise<void> {
  const { ai, log, config } = run.dependencies;
  const { signal } = run.forItem();
  await run.attempt('webhooks', async () => {
    for (const { id, uri } of await withSignal(listDisabled(run, signal), signal)) {
      log.webhookDisabled(id, uri, config.enableWebhooks);
      if (!config.enableWebhooks) continue;
      await run.attempt(id, async () => {
        await withSignal(ai.webhooks.update(id, { state: 'enabled', update_mask: 'state' }, { signal }), signal);
      });
    }
  });
}

async function listDisabled(run: RunState, signal: AbortSignal): Promise<readonly DisabledWebhook[]> {
  const { ai, config } = run.dependencies;
  const disabled: DisabledWebhook[] = [];
  let token: string | undefined;
  do {
    const page = { page_size: MAX_PAGE_SIZE, ...(token ? { page_token: token } : {}) };
    const { webhooks, next_page_token } = await ai.webhooks.list(page, { maxRetries: 1, signal });
    const found = objectsIn(webhooks).filter(isDisabled).map(toWebhook);
    disabled.push(...found.filter(({ uri }) => leadsTo(uri, config.callbackUrl)));
    token = next_page_token;
  } while (token);
  return disabled;
}

function isDisabled(webhook: JsonObject): boolean {
  return webhook['state'] === 'disabled_due_to_failed_deliveries';
}

function toWebhook(webhook: JsonObject): DisabledWebhook {
  return { id: stringAt(webhook, 'id') ?? '', uri: stringAt(webhook, 'uri') ?? '' };
}

/** Returns true for the callback's URL and for any path below it. */
function leadsTo(uri: string, callbackUrl: URL | undefined): boolean {
  return callbackUrl === undefined || `${uri}/`.startsWith(`${callbackUrl.href.replace(/\/+$/, '')}/`);
}
