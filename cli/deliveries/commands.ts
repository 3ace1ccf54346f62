import type { Command } from 'commander';
import { DELIVERY_STATES } from '../../functions/model/delivery.ts';
import type { Context } from '../context.ts';
import { type FilterFlags, type PageFlags, readFilter, readPage, withFilters, withPages } from '../filters.ts';
import type { BulkFlags } from './bulk.ts';

const ALL = 'all deliveries that the filters select';

/** Adds `deliveries …`: the deliveries of Gemini, and what an operator can do about them. */
export function addDeliveryCommands(program: Command, context: () => Context): void {
  const deliveries = program.command('deliveries').description('list, show, replay and release deliveries');

  withPages(withFilters(deliveries.command('list'), DELIVERY_STATES))
    .description('list deliveries, newest first')
    .addHelpText('after', '\nExample:\n  gemini-callbacks deliveries list --state=quarantined --since=24h')
    .action(async ({ limit, pageToken, ...filter }: FilterFlags & PageFlags) => {
      const { listCommand } = await import('./list.ts');
      await listCommand(
        readFilter(filter),
        readPage({ limit, ...(pageToken === undefined ? {} : { pageToken }) }),
        context(),
      );
    });

  deliveries
    .command('show <id>')
    .description('show the record of a delivery')
    .action(async (id: string) => await (await import('./list.ts')).showCommand(id, context()));

  withFilters(deliveries.command('replay [id]'), DELIVERY_STATES)
    .description('publish a delivery again, with the same ce-id and an attribute "replay"')
    .option('--all', ALL)
    .addHelpText(
      'after',
      '\nExamples:\n  gemini-callbacks deliveries replay msg_1\n  gemini-callbacks deliveries replay --all --route=nightly --since=2h',
    )
    .action(
      async (id: string | undefined, flags: BulkFlags) =>
        await (await import('./bulk.ts')).replayCommand(id, flags, context()),
    );

  withFilters(deliveries.command('release [id]'), DELIVERY_STATES)
    .description('publish a delivery that was quarantined because of its timestamp, after showing why')
    .option('--all', ALL)
    .addHelpText(
      'after',
      '\nExamples:\n  gemini-callbacks deliveries release msg_1\n  gemini-callbacks deliveries release --all --since=24h',
    )
    .action(
      async (id: string | undefined, flags: BulkFlags) =>
        await (await import('./bulk.ts')).releaseCommand(id, flags, context()),
    );
}
