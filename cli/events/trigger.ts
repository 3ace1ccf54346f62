import { randomUUID } from 'node:crypto';
import { readSettings } from '../../functions/config/environment.ts';
import { firstOf, signingSecrets } from '../../functions/config/settings.ts';
import type { Context } from '../context.ts';
import { CliError, usageError } from '../errors.ts';
import { requireObject } from '../optionValues.ts';
import { quoted } from '../terminal.ts';
import { type Answer, isAccepted, post, type SignedPost, signedPost } from './post.ts';
import { requireHttpUrl } from './receiverUrl.ts';
import { sampleEvent } from './samples.ts';

export interface TriggerOptions {
  readonly to?: string;
  readonly secret?: string;
  readonly job?: string;
  readonly data?: string;
  readonly metadata?: string;
  readonly dryRun?: true;
}

/**
 * Sends one signed event, and shows the request and the answer.
 *
 * @throws {CliError} `NOT_ACCEPTED` where the answer is not 2xx.
 */
export async function triggerCommand(type: string, options: TriggerOptions, context: Context): Promise<void> {
  const { job, data, metadata, dryRun } = options;
  const event = sampleEvent(type, {
    job,
    data: data === undefined ? undefined : requireObject('--data', data),
    metadata: metadata === undefined ? undefined : requireObject('--metadata', metadata),
  });
  const { url, secret } = await receiverOf(options, context);
  const webhookId = `msg_${randomUUID()}`;
  const signed = signedPost(url.href, webhookId, Buffer.from(JSON.stringify(event)), secret);
  if (dryRun) {
    const command = curlOf(signed);
    context.terminal.result({ command }, () => command);
    return;
  }
  if (options.to === undefined && !isLoopback(url)) await context.confirm(`send a test event ${type} to ${url.href}`);
  const answer = await post(signed);
  context.terminal.result({ url: url.href, webhookId, event, answer }, () => report(signed, webhookId, answer));
  if (!isAccepted(answer)) throw notAccepted(url, answer);
}

async function receiverOf({ to, secret }: TriggerOptions, context: Context): Promise<{ url: URL; secret: string }> {
  if (to !== undefined) {
    if (secret === undefined) throw usageError('--to needs --secret: the signing secret of that receiver.');
    return { url: requireHttpUrl('--to', to), secret };
  }
  const names = ['CALLBACK_URL', ...(secret === undefined ? (['WEBHOOK_SIGNING_SECRET'] as const) : [])] as const;
  const variables = await context.settings(...names);
  const { CALLBACK_URL: callbackUrl } = variables;
  if (!callbackUrl)
    throw usageError(
      'No receiver. Name an installation (--project=… --region=…, or --local), or --to=URL --secret=whsec_…',
    );
  return { url: requireHttpUrl('CALLBACK_URL', callbackUrl), secret: secret ?? signingSecret(variables) };
}

function signingSecret(variables: NodeJS.ProcessEnv): string {
  const secrets = readSettings(variables, signingSecrets);
  const first = secrets.fixed[0] ?? (secrets.file === undefined ? undefined : firstOf(secrets));
  if (first !== undefined) return first;
  throw new CliError(
    'NO_SIGNING_SECRET',
    'The installation has no signing secret, so it accepts dynamic webhooks only. Set --secret, or WEBHOOK_SIGNING_SECRET.',
  );
}

function curlOf({ url, headers, body }: SignedPost): string {
  const flags = Object.entries(headers).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`);
  return ['curl -i', quoted(url), ...flags, `--data-binary ${quoted(body.toString('utf8'))}`].join(' ');
}

function report({ url, body }: SignedPost, webhookId: string, answer: Answer): string {
  const outcome = 'failure' in answer ? `no answer: ${answer.failure}` : `${answer.status} ${answer.text}`;
  return [`POST ${url}`, `webhook-id: ${webhookId}`, body.toString('utf8'), '', outcome].join('\n');
}

function notAccepted(url: URL, answer: Answer): CliError {
  const reason = 'failure' in answer ? `did not answer: ${answer.failure}` : `answered ${answer.status}`;
  return new CliError('NOT_ACCEPTED', `${url.href} ${reason}. Check the URL and the secret: gemini-callbacks doctor`);
}

function isLoopback({ hostname }: URL): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}
