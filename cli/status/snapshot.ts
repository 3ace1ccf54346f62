import type { Firestore } from '@google-cloud/firestore';
import type { DeadLetters } from './deadLetters.ts';
import { readStore } from './store.ts';
import type { StoreStatus } from './storeStatus.ts';
import type { WebhookState } from './webhook.ts';

/** The state of an installation at one moment. */
export interface StatusSnapshot extends StoreStatus {
  readonly at: string;
  /** The window of quarantined deliveries, failed results and tokens. */
  readonly since: string;
  readonly deadLetters: DeadLetters;
  readonly webhook: WebhookState;
}

/** Something that needs a person, and the command to begin with. */
interface Attention {
  readonly what: string;
  readonly fix: string;
}

/** Older problems do not count: Gemini keeps output for two days, so that no retry helps. */
const WINDOW_MILLIS = 7 * 86_400_000;

/** Reads everything at the same time. */
export async function readSnapshot(
  firestore: Firestore,
  readDeadLetters: () => Promise<DeadLetters>,
  readWebhook: () => Promise<WebhookState>,
): Promise<StatusSnapshot> {
  const now = new Date();
  const since = new Date(now.getTime() - WINDOW_MILLIS);
  const [store, deadLetters, webhook] = await Promise.all([
    readStore(firestore, since, now),
    readDeadLetters(),
    readWebhook(),
  ]);
  return { at: now.toISOString(), since: since.toISOString(), ...store, deadLetters, webhook };
}

export function attentionsOf(snapshot: StatusSnapshot, command: (words: string) => string): readonly Attention[] {
  const { deliveries, results, deadLetters, webhook } = snapshot;
  const all: readonly (readonly [number, string, string])[] = [
    [deliveries.stuck, 'deliveries are stuck before Pub/Sub', 'jobs reconcile'],
    [deliveries.quarantined, 'deliveries are quarantined', 'deliveries list --state=quarantined'],
    [results.stalled, 'jobs have stalled results', 'jobs retry --failed'],
    [results.failed, 'jobs have failed results', 'jobs retry --failed'],
  ];
  const found = all
    .filter(([count]) => count > 0)
    .map(([count, what, words]) => ({ what: `${count} ${what}`, fix: command(words) }));
  if (deadLetters.count > 0) {
    const more = deadLetters.hasMore ? ' or more' : '';
    const fix = `gcloud pubsub subscriptions pull ${deadLetters.subscription} --project=${deadLetters.project} --limit=10`;
    found.push({ what: `${deadLetters.count}${more} messages are on the dead-letter topic`, fix });
  }
  if (webhook.state === 'disabled')
    found.push({
      what: `the webhook ${webhook.id} is disabled`,
      fix: command(`webhooks update ${webhook.id} --enable`),
    });
  return found;
}
