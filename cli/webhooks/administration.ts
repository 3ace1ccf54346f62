import type { GoogleGenAI, Webhooks as Sdk } from '@google/genai';
import { toGeminiError } from '../../functions/gemini/errors.ts';
import { connect } from '../connect.ts';
import { CliError } from '../errors.ts';

/** A registered webhook, its fields as the API names them. */
export interface Webhook {
  readonly id: string;
  readonly name?: string | undefined;
  readonly uri: string;
  readonly subscribed_events: readonly string[];
  readonly state?: string | undefined;
  readonly signing_secrets: readonly Sdk.SigningSecret[];
  readonly create_time?: string | undefined;
  readonly update_time?: string | undefined;
}

export type WebhookChange = Partial<Pick<Webhook, 'name' | 'uri' | 'subscribed_events' | 'state'>>;

/** A call whose repetition would do harm: a second webhook, or a second secret whose first nobody has. */
const ONCE = { maxRetries: 0 };

const PAGE_SIZE = 1_000;

/** @throws {ConfigError} where the environment names no API key, or a base URL that cannot be used. */
export function connectWebhooks(variables: NodeJS.ProcessEnv): { webhooks: Webhooks; baseUrl: URL } {
  const { ai, baseUrl } = connect(variables);
  return { webhooks: new Webhooks(ai), baseUrl };
}

/** The webhooks of the API key's project, over the real SDK. */
export class Webhooks {
  readonly #ai: GoogleGenAI;

  constructor(ai: GoogleGenAI) {
    this.#ai = ai;
  }

  /** @returns the webhook, and its signing secret, which Gemini never shows again. */
  async create(fields: { name?: string; uri: string; subscribed_events: readonly string[] }): Promise<{
    webhook: Webhook;
    secret: string;
  }> {
    const created = await this.#call(
      () => this.#ai.webhooks.create({ ...fields, subscribed_events: [...fields.subscribed_events] }, ONCE),
      'Whether the webhook was made is not known. Look with "webhooks list"; if it is there, "webhooks rotate" brings a secret.',
    );
    const webhook = toWebhook(created);
    return { webhook, secret: requireSecret(created.new_signing_secret, webhook.id) };
  }

  async list(): Promise<readonly Webhook[]> {
    const webhooks: Webhook[] = [];
    let token: string | undefined;
    do {
      const page = { page_size: PAGE_SIZE, ...(token ? { page_token: token } : {}) };
      const answer = await this.#call(() => this.#ai.webhooks.list(page));
      webhooks.push(...(answer.webhooks ?? []).map(toWebhook));
      token = answer.next_page_token;
    } while (token);
    return webhooks;
  }

  async get(id: string): Promise<Webhook> {
    return toWebhook(await this.#call(() => this.#ai.webhooks.get(id)));
  }

  async update(id: string, { subscribed_events: events, ...change }: WebhookChange): Promise<Webhook> {
    const fields = { ...change, ...(events ? { subscribed_events: [...events] } : {}) };
    const parameters = { ...fields, update_mask: Object.keys(fields).join(',') };
    return toWebhook(await this.#call(() => this.#ai.webhooks.update(id, parameters as Sdk.WebhookUpdateParams)));
  }

  async delete(id: string): Promise<void> {
    await this.#call(() => this.#ai.webhooks.delete(id));
  }

  async ping(id: string): Promise<void> {
    await this.#call(() => this.#ai.webhooks.ping(id));
  }

  /** @returns the new secret, which Gemini never shows again. */
  async rotate(id: string, { revokeNow }: { revokeNow: boolean }): Promise<string> {
    const behavior = revokeNow ? 'revoke_previous_secrets_immediately' : 'revoke_previous_secrets_after_h24';
    const { secret } = await this.#call(
      () => this.#ai.webhooks.rotateSigningSecret(id, { revocation_behavior: behavior }, ONCE),
      'Whether the secret was changed is not known; if it was, nobody has the new one. ' +
        (revokeNow
          ? 'Rotate again, at once: the old one may have ended.'
          : 'Rotate again: the old one is good for 24 h.'),
    );
    return requireSecret(secret, id);
  }

  /** @throws {CliError} `GEMINI_…`, with what to do about it. */
  async #call<T>(call: () => Promise<T>, ifUnknown = ''): Promise<T> {
    try {
      return await call();
    } catch (error) {
      const { httpStatus, status, message } = toGeminiError(error);
      const reason = message.replace(/(?<![.!?])$/, '.');
      const advice = adviceOn(httpStatus, ifUnknown);
      throw new CliError(`GEMINI_${status}`, `Gemini: ${reason} ${advice}`.trim(), { cause: error });
    }
  }
}

const UNREACHABLE = 'Check the network and GOOGLE_GEMINI_BASE_URL.';
const AGAIN = 'Wait a little and try again.';

const ADVICE: Readonly<Record<number, string>> = {
  401: 'Check GEMINI_API_KEY.',
  403: 'Check GEMINI_API_KEY, and that its project may use the Gemini API.',
  404: '"webhooks list" shows those that there are.',
  429: AGAIN,
};

/** @param ifUnknown what to do where the call may have had its effect: after no answer, and after any of 500 or more. */
function adviceOn(httpStatus: number | undefined, ifUnknown: string): string {
  if (httpStatus === undefined) return `${ifUnknown} ${UNREACHABLE}`.trim();
  if (httpStatus >= 500) return ifUnknown || AGAIN;
  return ADVICE[httpStatus] ?? '';
}

/** The wanted fields only: the SDK's results hold more, a live `Response` too (G 2.2). */
function toWebhook(resource: Sdk.Webhook): Webhook {
  const { name, state, create_time, update_time } = resource;
  return {
    id: resource.id ?? '',
    uri: resource.uri ?? '',
    subscribed_events: resource.subscribed_events ?? [],
    signing_secrets: resource.signing_secrets ?? [],
    ...(name === undefined ? {} : { name }),
    ...(state === undefined ? {} : { state }),
    ...(create_time === undefined ? {} : { create_time }),
    ...(update_time === undefined ? {} : { update_time }),
  };
}

function requireSecret(secret: string | undefined, id: string): string {
  if (secret) return secret;
  throw new CliError(
    'GEMINI_NO_SECRET',
    `Gemini answered without the signing secret of ${id}. "webhooks rotate ${id}" brings a new one.`,
    { details: { id } },
  );
}
