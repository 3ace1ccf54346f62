import { isoTime } from './clock.ts';
import type { Core } from './core.ts';
import { isFinal } from './jobs/job.ts';

/** The most jobs or deliveries that the page shows, the latest first. */
const SHOWN = 100;
/** The longest shown display name, because a prompt can be long. */
const SHOWN_CHARACTERS = 200;

/** The state that the page shows. */
export function overview({ clock, random, settings, jobs, webhooks, ledger }: Core): object {
  const all = jobs.list();
  return {
    now: isoTime(clock.now()),
    manualClock: clock.manual,
    seed: random.seed,
    faults: settings.get().faults,
    eventTypes: settings.get().api.eventTypes,
    jobCount: all.length,
    deliveryCount: ledger.deliveries.length,
    jobs: latest(all).map((job) => ({
      name: job.name,
      kind: job.kind,
      displayName: job.displayName?.slice(0, SHOWN_CHARACTERS),
      error: job.error?.message,
      state: job.state,
      final: isFinal(job),
      time: isoTime(job.updateMillis),
    })),
    webhooks: webhooks.list().map(({ id, name, uri, state, subscribedEvents }) => ({
      id,
      name,
      uri,
      state,
      subscribedEvents,
    })),
    deliveries: latest(ledger.deliveries),
  };
}

function latest<T>(items: readonly T[]): T[] {
  return items.slice(-SHOWN).toReversed();
}
