import { CliError, EXIT, reasonOf } from '../errors.ts';
import type { Terminal } from '../terminal.ts';
import type { Webhook, Webhooks } from './administration.ts';

/**
 * Lets Gemini send the ping that a command ends with.
 *
 * @param done what the command has done by then, for the message.
 * @throws {CliError} `NOT_PINGED`, a failure of its own: doing it all again would do harm.
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
    const message = `${done}; only the ping failed, and "webhooks ping ${id}" sends another. ${reasonOf(cause)}`;
    throw new CliError('NOT_PINGED', message, { cause, exitCode: EXIT.unproved });
  }
  terminal.note(`Gemini sends a ping to ${uri}.`);
}
