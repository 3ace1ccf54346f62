import type { Context } from '../context.ts';
import { CliError, reasonOf, usageError } from '../errors.ts';
import { type Filter, type FilterFlags, readFilter } from '../filters.ts';
import { MESSAGING, type InstallationVariable } from '../installation/variableGroups.ts';
import { progressOf } from '../progress.ts';
import { withStore } from '../store.ts';
import { fields } from '../terminal.ts';
import { DeliveryActions, requireReleasable, requireReplayable, whyQuarantined } from './actions.ts';
import { deliveryLines } from './list.ts';
import { countDeliveries, deliveryIds, findDelivery } from './records.ts';

export interface BulkFlags extends FilterFlags {
  readonly all?: true;
}

const VARIABLES: readonly InstallationVariable[] = [...MESSAGING, 'DELIVERY_TTL_DAYS'];

/** Deliveries that are replayed or released at the same time. */
const CONCURRENCY = 8;

/** The number of failures that are printed. */
const SHOWN_FAILURES = 10;

/** Final refusals of one delivery, which a bulk command skips. */
const SKIPPED = new Set(['NOT_AN_EVENT', 'QUARANTINED']);

interface Summary {
  readonly selected: number;
  readonly done: number;
  readonly skipped: number;
  readonly failures: readonly { readonly webhookId: string; readonly code: string; readonly message: string }[];
}

type Act = (actions: DeliveryActions, id: string) => Promise<unknown>;

/** Replays one delivery, or all that filters select: published ones where `--state` is absent. */
export async function replayCommand(id: string | undefined, flags: BulkFlags, context: Context): Promise<void> {
  if (isForAll(id, flags)) {
    const filter = readFilter({ state: 'published', ...flags });
    await forAll(filter, { verb: 'replay', past: 'Replayed', act: (actions, one) => actions.replay(one) }, context);
    return;
  }
  await withStore(
    context,
    async (firestore, variables) => {
      requireReplayable(await findDelivery(firestore, id));
      await context.confirm(`publish ${id} again to every subscriber`);
      const done = await new DeliveryActions(firestore, variables).replay(id);
      const { messageId } = done;
      context.terminal.result({ webhookId: id, ...done }, () => `Published ${id} again, as message ${messageId}.`);
    },
    VARIABLES,
  );
}

/** Releases one quarantined delivery, or all that filters select. */
export async function releaseCommand(id: string | undefined, flags: BulkFlags, context: Context): Promise<void> {
  if (isForAll(id, flags)) {
    const filter = readFilter({ ...flags, state: 'quarantined' });
    await forAll(filter, { verb: 'release', past: 'Released', act: (actions, one) => actions.release(one) }, context);
    return;
  }
  await withStore(
    context,
    async (firestore, variables) => {
      const quarantined = await findDelivery(firestore, id);
      requireReleasable(quarantined);
      context.terminal.note(whyQuarantined(quarantined));
      await context.confirm(`release ${id}, so that it counts as a genuine event`);
      const released = await new DeliveryActions(firestore, variables).release(id);
      context.terminal.result(released, () => deliveryLines(released));
    },
    VARIABLES,
  );
}

function isForAll(id: string | undefined, { all, ...filters }: BulkFlags): id is undefined {
  if (id !== undefined && (all || Object.keys(filters).length > 0))
    throw usageError('Give either the id of one delivery, or --all with filters.');
  if (id === undefined && !all) throw usageError('Give the id of a delivery, or --all with filters.');
  return id === undefined;
}

async function forAll(
  filter: Filter,
  { verb, past, act }: { readonly verb: string; readonly past: string; readonly act: Act },
  context: Context,
): Promise<void> {
  const summary = await withStore(
    context,
    async (firestore, variables) => {
      const count = await countDeliveries(firestore, filter);
      if (count === 0) return NOTHING;
      await context.confirm(`${verb} ${count} deliveries`);
      const actions = new DeliveryActions(firestore, variables);
      return await actOnAll(await deliveryIds(firestore, filter), (one) => act(actions, one), context);
    },
    VARIABLES,
  );
  const { selected, done, skipped, failures } = summary;
  context.terminal.result(summary, () =>
    selected === 0
      ? 'No deliveries.'
      : fields({ selected, [past.toLowerCase()]: done, skipped, failed: failures.length }),
  );
  for (const { webhookId, message } of failures.slice(0, SHOWN_FAILURES))
    context.terminal.note(`${webhookId}: ${message}`);
  if (failures.length > 0)
    throw new CliError('INCOMPLETE', `${past} ${done} of ${selected}. Run the same command again for the others.`);
}

const NOTHING: Summary = { selected: 0, done: 0, skipped: 0, failures: [] };

/** Acts on deliveries in their order, a few at a time. */
async function actOnAll(
  ids: readonly string[],
  act: (id: string) => Promise<unknown>,
  { terminal }: Context,
): Promise<Summary> {
  const failures: Summary['failures'][number][] = [];
  const progress = progressOf(terminal, ids.length, 'deliveries');
  const waiting = ids.values();
  let [done, skipped] = [0, 0];
  // An unreachable backend fails every delivery, each after its time-out.
  let isUnreachable = false;
  async function work(): Promise<void> {
    for (const webhookId of waiting) {
      if (isUnreachable) return;
      try {
        await act(webhookId);
        done += 1;
      } catch (error) {
        const code = error instanceof CliError ? error.code : 'FAILED';
        isUnreachable ||= code.endsWith('_UNAVAILABLE');
        if (SKIPPED.has(code)) skipped += 1;
        else failures.push({ webhookId, code, message: reasonOf(error) });
      }
      progress.advance(done + skipped + failures.length);
    }
  }
  try {
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
  } finally {
    progress.end();
  }
  return { selected: ids.length, done, skipped, failures };
}
