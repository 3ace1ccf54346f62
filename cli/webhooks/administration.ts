import type { GoogleGenAI, Webhooks as Sdk } from '@google/genai';
import { z } from 'zod';
import { toGeminiError } from '../../functions/gemini/errors.ts';
import { objectsIn } from '../../functions/model/json.ts';
import { connect, geminiFailure } from '../connect.ts';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { GEMINI } from '../installation/variableGroups.ts';

const text = z.string().optional().catch(undefined);

/** A list without its elements of other types. */
const listOf = <T>(element: z.ZodType<T>) =>
  z
    .array(z.unknown())
    .catch([])
    .transform((all): readonly T[] =>
      all.flatMap((one) => {
        const { success, data } = element.safeParse(one);
        return success ? [data] : [];
      }),
    );

/**
 * Picks a webhook's fields by name and type: the SDK's results hold a live `Response` too (docs/gemini-wire.md 2.2). Fields
 * are named as the API names them.
 */
const Webhook = z.object({
  id: z.string().catch(''),
  name: text,
  uri: z.string().catch(''),
  subscribed_events: listOf(z.string()),
  state: text,
  /** As Gemini lists them: the last characters, and the end after a rotation. */
  signing_secrets: listOf(z.object({ truncated_secret: text, expire_time: text })),
  create_time: text,
  update_time: text,
});

/** A registered webhook. */
export type Webhook = Readonly<z.infer<typeof Webhook>>;

export type WebhookChange = Partial<Pick<Webhook, 'name' | 'uri' | 'subscribed_events' | 'state'>>;

/** Options of a call that must not be repeated: a repeat would create a second webhook, or lose the new secret. */
const ONCE = { maxRetries: 0 };

const PAGE_SIZE = 1_000;

/** Connects to the webhooks of the installation's API key. */
export async function connectWebhooks(context: Context): Promise<{ webhooks: Webhooks; baseUrl: URL }> {
  const { ai, settings } = connect(await context.settings(...GEMINI));
  return { webhooks: new Webhooks(ai, settings.apiVersion), baseUrl: settings.baseUrl };
}

/** The webhooks of the API key's project, over the real SDK. */
export class Webhooks {
  readonly #ai: GoogleGenAI;
  readonly #apiVersion: string;

  constructor(ai: GoogleGenAI, apiVersion: string) {
    this.#ai = ai;
    this.#apiVersion = apiVersion;
  }

  /** @returns the webhook, and its signing secret, which Gemini never shows again. */
  async create(fields: { name?: string; uri: string; subscribed_events: readonly string[] }): Promise<{
    webhook: Webhook;
    secret: string;
  }> {
    const created = await this.#call(
      () => this.#ai.webhooks.create({ ...fields, subscribed_events: [...fields.subscribed_events] }, ONCE),
      'The webhook may have been created. Look with "webhooks list"; if it is there, "webhooks rotate" makes a secret.',
    );
    const webhook = Webhook.parse(created);
    return { webhook, secret: requireSecret(created.new_signing_secret, webhook.id) };
  }

  async list(): Promise<readonly Webhook[]> {
    const webhooks: Webhook[] = [];
    let token: string | undefined;
    do {
      const page = { page_size: PAGE_SIZE, ...(token ? { page_token: token } : {}) };
      const answer = await this.#call(() => this.#ai.webhooks.list(page));
      webhooks.push(...objectsIn(answer.webhooks).map((each) => Webhook.parse(each)));
      token = answer.next_page_token;
    } while (token);
    return webhooks;
  }

  /** Lists the webhooks that are registered to a URL, with or without a slash at its end. */
  async listAt(url: string): Promise<readonly Webhook[]> {
    return (await this.list()).filter(({ uri }) => withoutSlash(uri) === withoutSlash(url));
  }

  async get(id: string): Promise<Webhook> {
    return Webhook.parse(await this.#call(() => this.#ai.webhooks.get(id)));
  }

  async update(id: string, { subscribed_events: events, ...change }: WebhookChange): Promise<Webhook> {
    const fields = { ...change, ...(events ? { subscribed_events: [...events] } : {}) };
    const parameters = { ...fields, update_mask: Object.keys(fields).join(',') };
    return Webhook.parse(await this.#call(() => this.#ai.webhooks.update(id, parameters as Sdk.WebhookUpdateParams)));
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
      'The secret may have been changed; then the new one is lost. ' +
        (revokeNow
          ? 'Rotate again at once: the old one may have ended.'
          : 'Rotate again: the old one is valid for 24 h.'),
    );
    return requireSecret(secret, id);
  }

  /** @throws {CliError} `GEMINI_…`, with what to do about it. */
  async #call<T>(call: () => Promise<T>, ifUnknown = ''): Promise<T> {
    try {
      return await call();
    } catch (error) {
      const isMissing = toGeminiError(error).httpStatus === 404;
      throw geminiFailure(error, { ifUnknown, ifMissing: isMissing ? await this.#adviceOnMissing() : '' });
    }
  }

  /** Distinguishes a missing webhook from an API version without webhooks, under which every method answers 404. */
  async #adviceOnMissing(): Promise<string> {
    const status = await this.#ai.webhooks.list({ page_size: 1 }, ONCE).then(
      () => 200,
      (error: unknown) => toGeminiError(error).httpStatus,
    );
    if (status !== 404) return 'List the webhooks: gemini-callbacks webhooks list';
    const other = this.#apiVersion === 'v1' ? 'v1beta' : 'v1';
    return `The API version ${this.#apiVersion} has no webhooks at all here. Switch: export GOOGLE_GENAI_API_VERSION=${other}`;
  }
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}

function requireSecret(secret: string | undefined, id: string): string {
  if (secret) return secret;
  throw new CliError(
    'GEMINI_NO_SECRET',
    `Gemini answered without the signing secret of ${id}. "webhooks rotate ${id}" makes a new one.`,
    { details: { id } },
  );
}
