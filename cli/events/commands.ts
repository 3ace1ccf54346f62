import { type Command, Argument } from 'commander';
import type { Context } from '../context.ts';
import type { ListenOptions } from './listen.ts';
import { TRIGGER_TYPES } from './samples.ts';
import type { TriggerOptions } from './trigger.ts';

/** Adds `events …`: print events as they are published, and send test events. */
export function addEventCommands(program: Command, context: () => Context): void {
  const events = program
    .command('events')
    .description('print events as they arrive, forward them, and send test events');

  events
    .command('listen')
    .description('print events as they are published, through a subscription that is deleted at the end')
    .option('--type <type>', 'only this event type, for example batch.succeeded')
    .option('--route <name>', 'only this route')
    .option('--job <id>', 'only this job')
    .option('--forward-to <url>', 'post each event to a server, signed as Gemini signs deliveries; 2xx acknowledges it')
    .option('--secret <whsec>', 'sign with this secret instead of a new one')
    .option('--allow-remote', 'allow --forward-to an address outside this machine and its private network')
    .addHelpText(
      'after',
      '\nExample:\n  gemini-callbacks events listen --type=batch.succeeded --forward-to=http://localhost:3000/hook',
    )
    .action(async (options: ListenOptions) => await (await import('./listen.ts')).listenCommand(options, context()));

  events
    .command('trigger')
    .description('send one signed event with plausible data to the installation or to any receiver')
    .addArgument(new Argument('<type>', 'event type').choices(TRIGGER_TYPES))
    .option('--to <url>', 'receiver instead of the installation; needs --secret')
    .option('--secret <whsec>', "the receiver's signing secret")
    .option('--job <id>', 'id of the job in the event')
    .option('--data <json>', 'fields of data, for example \'{"error_code": "13"}\'')
    .option('--metadata <json>', 'user metadata, for example \'{"team": "search"}\'')
    .option('--dry-run', 'print a curl command instead of sending')
    .addHelpText(
      'after',
      '\nExample:\n  gemini-callbacks events trigger batch.succeeded --to=http://localhost:3000/hook --secret=whsec_…',
    )
    .action(
      async (type: string, options: TriggerOptions) =>
        await (await import('./trigger.ts')).triggerCommand(type, options, context()),
    );
}
