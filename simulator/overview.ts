import { isoTime } from './clock.ts';
import type { Core } from './core.ts';
import { isFinal } from './job.ts';

/** What the page shows of each kind at most, the latest first. */
const SHOWN = 100;

/** The state of everything at a glance. */
export function overview({ clock, random, jobs, webhooks, ledger }: Core): object {
  const all = jobs.list();
  return {
    now: isoTime(clock.now()),
    manualClock: clock.manual,
    seed: random.seed,
    jobCount: all.length,
    deliveryCount: ledger.deliveries.length,
    jobs: latest(all).map((job) => ({
      name: job.name,
      kind: job.kind,
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
