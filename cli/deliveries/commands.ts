import { type Command, Option } from 'commander';
import { textOf } from '../../functions/model/json.ts';
import { withStore } from '../jobs/store.ts';
import { requireWhole } from '../options.ts';
import { fields, table, type Terminal } from '../terminal.ts';
import { release, replay } from './actions.ts';
import { type DeliveryState, findDelivery, listDeliveries, type ShownDelivery, STATES } from './records.ts';

const MAX_LIMIT = 1_000;

/** Adds `deliveries …`: what came under each webhook-id, and what an operator can do about it. */
export function addDeliveryCommands(program: Command, terminal: () => Terminal, variables: NodeJS.ProcessEnv): void {
  const deliveries = program
    .command('deliveries')
    .description('look at what Gemini sent, publish it again, release it');

  deliveries
    .command('list')
    .description('show those that came last')
    .addOption(new Option('--state <state>', 'only those in this state').choices(STATES))
    .option('--limit <number>', 'no more than so many', '20')
    .action(async ({ state, limit: text }: { state?: DeliveryState; limit: string }) => {
      const limit = requireWhole('--limit', text, MAX_LIMIT);
      const list = await withStore(variables, async (firestore) => await listDeliveries(firestore, state, limit));
      terminal().result({ deliveries: list }, () => (list.length === 0 ? 'No deliveries.' : tableOf(list)));
    });

  deliveries
    .command('show <id>')
    .description('show everything that is recorded of one')
    .action(async (id: string) => {
      const found = await withStore(variables, async (firestore) => await findDelivery(firestore, id));
      terminal().result(found, () => linesOf(found));
    });

  deliveries
    .command('replay <id>')
    .description('publish one again, with an attribute "replay" beside the same ce-id')
    .action(async (id: string) => {
      const done = await withStore(variables, async (firestore) => await replay(firestore, id, variables));
      terminal().result({ webhookId: id, ...done }, () => `Published ${id} again, as message ${done.messageId}.`);
    });

  deliveries
    .command('release <id>')
    .description('publish one that was kept because it was signed too long ago, after showing why')
    .option('--yes', 'without being asked')
    .action(async (id: string, { yes = false }: { yes?: boolean }) => {
      const released = await withStore(
        variables,
        async (firestore) => await release(firestore, id, { yes }, terminal(), variables),
      );
      terminal().result(released, () => linesOf(released));
    });
}

function tableOf(list: readonly ShownDelivery[]): string {
  const rows = list.map((one) => [one.webhookId, one.state, one.type, one.jobId, one.firstReceivedAt, one.attempts]);
  return table(['ID', 'STATE', 'TYPE', 'JOB', 'RECEIVED', 'SEEN'], rows);
}

function linesOf(delivery: ShownDelivery): string {
  const entries = Object.entries(delivery).map(([name, value]) => [name, textOf(value) || JSON.stringify(value)]);
  return fields(Object.fromEntries(entries) as Record<string, string>);
}
