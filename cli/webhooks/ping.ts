import type { Context } from '../context.ts';
import { CliError, reasonOf } from '../errors.ts';
import type { Terminal } from '../terminal.ts';
import { connectWebhooks, type Webhook, type Webhooks } from './administration.ts';

export async function pingCommand(id: string, context: Context): Promise<void> {
  const { webhooks } = await connectWebhooks(context);
  await webhooks.ping(id);
  context.terminal.result({ id, pinged: true }, () => `Gemini sends a ping to ${id}.`);
}

/**
 * Makes Gemini send the ping with which a command ends.
 *
 * @param done the command's effect so far, for the message.
 * @throws {CliError} `NOT_PINGED`: what was done before stays done.
 */
export async function pingAfterwards(
  webhooks: Webhooks,
  { id, uri }: Pick<Webhook, 'id' | 'uri'>,
  done: string,
  terminal: Terminal,
): Promise<void> {
  try {
    await webhooks.ping(id);
  } catch (cause) {
    const message = `${done}, but the ping failed: ${reasonOf(cause)} Send another: gemini-callbacks webhooks ping ${id}`;
    throw new CliError('NOT_PINGED', message, { cause });
  }
  terminal.note(`Gemini sends a ping to ${uri}.`);
}
