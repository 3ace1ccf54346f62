import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readSettings } from '../../functions/config/environment.ts';
import { projectSettings } from '../../functions/config/settings.ts';
import type { Context } from '../context.ts';
import { usageError } from '../errors.ts';
import { backendError, PUBSUB } from '../failureReport.ts';
import { jobNamesOf } from '../filters.ts';
import { MESSAGING } from '../installation/variableGroups.ts';
import type { Terminal } from '../terminal.ts';
import { type Answer, isAccepted, post, requireSecret, signedPost } from './post.ts';
import { requireHttpUrl, requirePrivate } from './receiverUrl.ts';
import { ListenerSubscription, type ReceivedEvent } from './subscription.ts';

export interface ListenOptions {
  readonly type?: string;
  readonly route?: string;
  readonly job?: string;
  readonly forwardTo?: string;
  readonly secret?: string;
  readonly allowRemote?: true;
}

const SECRET_BYTES = 32;

/** The server that each event is posted to, and the secret that it verifies them with. */
interface Receiver {
  readonly url: string;
  readonly secret: string;
}

/**
 * Prints each event, forwards it with `--forward-to`, until SIGINT or SIGTERM.
 *
 * @throws {CliError}
 */
export async function listenCommand(options: ListenOptions, context: Context): Promise<void> {
  const receiver = await receiverOf(options);
  const variables = await context.settings(...MESSAGING);
  const { projectId = '', pubsubEmulator, topics } = readSettings(variables, projectSettings);
  const job = options.job === undefined ? undefined : jobNamesOf(options.job);
  const filter = { type: options.type, route: options.route, job };
  const stop = stopSignal();
  try {
    const subscription = await ListenerSubscription.create({
      projectId,
      topic: topics.events,
      emulator: pubsubEmulator,
      filter,
    });
    try {
      announce(topics.events, receiver, context.terminal);
      await listen(subscription, receiver, context.terminal, stop);
    } finally {
      await subscription.delete();
      context.terminal.note('The subscription was deleted.');
    }
  } catch (error) {
    throw backendError(PUBSUB, error, variables);
  }
}

async function receiverOf({ forwardTo, secret, allowRemote }: ListenOptions): Promise<Receiver | undefined> {
  if (forwardTo === undefined) {
    if (secret === undefined) return undefined;
    throw usageError('--secret signs what is forwarded: add --forward-to=http://localhost:3000/hook');
  }
  const url = requireHttpUrl('--forward-to', forwardTo);
  if (!allowRemote) await requirePrivate('--forward-to', url);
  if (secret !== undefined) requireSecret(secret);
  return { url: url.href, secret: secret ?? `whsec_${randomBytes(SECRET_BYTES).toString('base64')}` };
}

function announce(topic: string, receiver: Receiver | undefined, terminal: Terminal): void {
  terminal.note(`Listening to ${topic}. Stop with Ctrl-C.`);
  if (receiver === undefined) return;
  terminal.line({ forwardTo: receiver.url, secret: receiver.secret }, () =>
    [`Forwarding to ${receiver.url}`, `Signing secret: ${receiver.secret}`].join('\n'),
  );
}

async function listen(
  subscription: ListenerSubscription,
  receiver: Receiver | undefined,
  terminal: Terminal,
  stop: AbortSignal,
): Promise<void> {
  const stopped = once(stop, 'abort').then(() => [] as const);
  while (!stop.aborted) {
    // A pull that is still open at the end is dropped with the process.
    const pulling = subscription.pull();
    pulling.catch(() => {});
    const events = await Promise.race([pulling, stopped]);
    await Promise.all(events.map(async (event) => await handle(event, subscription, receiver, terminal, stop)));
  }
}

async function handle(
  event: ReceivedEvent,
  subscription: ListenerSubscription,
  receiver: Receiver | undefined,
  terminal: Terminal,
  stop: AbortSignal,
): Promise<void> {
  const { attributes, data } = event;
  const webhookId = attributes['ce-id'] ?? '';
  const answer = receiver && (await post(signedPost(receiver.url, webhookId, data, receiver.secret), stop));
  if (stop.aborted) return;
  print(event, answer, terminal);
  if (answer === undefined || isAccepted(answer)) await subscription.acknowledge(event);
  else await subscription.reject(event);
}

/** One line for each event: JSON with the event's own bytes, or columns. */
function print({ attributes, data }: ReceivedEvent, answer: Answer | undefined, terminal: Terminal): void {
  const { 'ce-id': webhookId, event_type: type, job_id: jobId, route, 'ce-time': time } = attributes;
  // The event is not parsed, so that its numbers keep their digits; JSON allows line breaks between tokens only.
  const event = data.toString('utf8').replaceAll(/[\r\n]+/g, ' ');
  const fields = JSON.stringify({ webhookId, type, jobId, route, time, ...(answer ? { answer } : {}) });
  terminal.line(`${fields.slice(0, -1)},"event":${event}}`, () => {
    const columns = [
      time,
      type?.padEnd(28),
      jobId ?? '',
      route === undefined ? '' : `route=${route}`,
      answerText(answer),
    ];
    return columns.filter(Boolean).join('  ');
  });
}

function answerText(answer: Answer | undefined): string {
  if (answer === undefined) return '';
  if ('failure' in answer) return `→ no answer: ${answer.failure}; Pub/Sub delivers it again`;
  return isAccepted(answer) ? `→ ${answer.status}` : `→ ${answer.status}; Pub/Sub delivers it again`;
}

/** The first signal ends the command in order; a second one ends the process. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  return stop.signal;
}
