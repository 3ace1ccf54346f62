import { type Command, Option } from 'commander';
import { SUBSCRIBABLE_TYPES } from '../../functions/model/eventTypes.ts';
import type { Context } from '../context.ts';
import type { CreateOptions } from './create.ts';
import type { RotateOptions } from './rotate.ts';
import { withSecretOptions } from './secretOptions.ts';
import type { UpdateOptions } from './update.ts';

const EVENTS = `separated by commas: ${SUBSCRIBABLE_TYPES.join(', ')}`;

/** Adds `webhooks …`: the registered webhooks of the API key's project, and the callback URLs of dynamic ones. */
export function addWebhookCommands(program: Command, context: () => Context): void {
  const webhooks = program.command('webhooks').description('register, change, test and delete webhooks at Gemini');

  const create = webhooks
    .command('create')
    .description('register an endpoint for all jobs of the API key, keep its signing secret, and ping it')
    .requiredOption('--uri <url>', 'endpoint: the URL of geminiCallback')
    .requiredOption('--events <types>', EVENTS)
    .option('--name <label>', 'label of the webhook')
    .option('--force', 'allow event types that Gemini is not known to accept')
    .addHelpText(
      'after',
      '\nExample:\n  gemini-callbacks webhooks create --uri=https://… --events=batch.succeeded,batch.failed --secret=webhook-signing-secret',
    );
  withSecretOptions(create).action(
    async (options: CreateOptions) => await (await import('./create.ts')).createCommand(options, context()),
  );

  webhooks
    .command('list')
    .description('list all registered webhooks')
    .action(async () => await (await import('./list.ts')).listCommand(context()));

  webhooks
    .command('show <id>')
    .description('show a webhook')
    .action(async (id: string) => await (await import('./list.ts')).showCommand(id, context()));

  webhooks
    .command('update <id>')
    .description('change the given fields of a webhook')
    .option('--uri <url>', 'endpoint')
    .option('--events <types>', `all event types that it receives, ${EVENTS}`)
    .option('--name <label>', 'label of the webhook')
    .addOption(new Option('--enable', 'deliver again, also after failures').conflicts('disable'))
    .option('--disable', 'deliver nothing')
    .option('--force', 'allow event types that Gemini is not known to accept')
    .action(
      async (id: string, options: UpdateOptions) =>
        await (await import('./update.ts')).updateCommand(id, options, context()),
    );

  webhooks
    .command('delete <id>')
    .description('delete a webhook: Gemini delivers nothing to it any more')
    .action(async (id: string) => await (await import('./update.ts')).deleteCommand(id, context()));

  webhooks
    .command('ping <id>')
    .description('make Gemini send a ping to a webhook')
    .action(async (id: string) => await (await import('./ping.ts')).pingCommand(id, context()));

  const rotate = webhooks
    .command('rotate <id>')
    .description('make a new signing secret, keep it beside the old one, and prove that geminiCallback accepts it')
    .addOption(
      new Option(
        '--revoke-now',
        'for a leaked secret: the old one ends at once instead of after 24 h; implies --drop-unlisted',
      ).implies({ dropUnlisted: true }),
    )
    .option('--drop-unlisted', 'remove stored secrets that no webhook of this API key signs with')
    .option('--wait <seconds>', 'time for geminiCallback to read the new secret', '90');
  withSecretOptions(rotate).action(
    async (id: string, options: RotateOptions) =>
      await (await import('./rotate.ts')).rotateCommand(id, options, context()),
  );

  webhooks
    .command('route-url')
    .description("print the callback URL for a job's webhook config")
    .requiredOption('--route <name>', 'name of the pipeline: 1 to 64 of A-Z a-z 0-9 _ -')
    .addHelpText('after', '\nExample:\n  gemini-callbacks webhooks route-url --route=nightly')
    .action(
      async ({ route }: { route: string }) => await (await import('./routeUrl.ts')).routeUrlCommand(route, context()),
    );
}
