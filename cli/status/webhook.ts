import { reasonOf } from '../errors.ts';
import { connect } from '../connect.ts';
import { Webhooks } from '../webhooks/administration.ts';

/** The webhook that is registered to the installation's callback URL. */
export interface WebhookState {
  readonly id?: string;
  /** `none`: not registered, which dynamic webhooks do not need; `unchecked`: see `reason`. */
  readonly state: 'enabled' | 'disabled' | 'none' | 'unchecked';
  readonly reason?: string;
}

export async function readWebhook(variables: NodeJS.ProcessEnv): Promise<WebhookState> {
  const { CALLBACK_URL: url } = variables;
  if (!url) return { state: 'unchecked', reason: 'CALLBACK_URL is not known' };
  if (!['GEMINI_API_KEY', 'GEMINI_API_KEY_FILE', 'GOOGLE_API_KEY'].some((name) => variables[name]))
    return { state: 'unchecked', reason: 'GEMINI_API_KEY is not known' };
  try {
    const { ai, settings } = connect(variables);
    const here = await new Webhooks(ai, settings.apiVersion).listAt(url);
    const [webhook] = here.toSorted((a, b) => Number(a.state === 'enabled') - Number(b.state === 'enabled'));
    if (webhook === undefined) return { state: 'none' };
    return { id: webhook.id, state: webhook.state === 'enabled' ? 'enabled' : 'disabled' };
  } catch (error) {
    return { state: 'unchecked', reason: reasonOf(error) };
  }
}
