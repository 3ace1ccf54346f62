import type { Firestore } from '@google-cloud/firestore';
import type { DeadLetters } from './deadLetters.ts';
import { readStore } from './readStore.ts';
import type { StoreStatus } from './readStore.ts';
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

/** Singular and plural. */
type Noun = readonly [string, string];

const DELIVERY: Noun = ['delivery', 'deliveries'];
const JOB: Noun = ['job', 'jobs'];
const MESSAGE: Noun = ['message', 'messages'];

export function attentionsOf(snapshot: StatusSnapshot, command: (words: string) => string): readonly Attention[] {
  const { deliveries, results, deadLetters, webhook } = snapshot;
  const all: readonly (readonly [number, Noun, string, string])[] = [
    [deliveries.stuck, DELIVERY, 'stuck before Pub/Sub', 'jobs reconcile'],
    [deliveries.quarantined, DELIVERY, 'quarantined', 'deliveries list --state=quarantined'],
    [results.stalled, JOB, 'with stalled results', 'jobs retry --failed'],
    [results.failed, JOB, 'with failed results', 'jobs retry --failed'],
  ];
  const found = all
    .filter(([count]) => count > 0)
    .map(([count, noun, what, words]) => ({ what: `${counted(count, noun)} ${what}`, fix: command(words) }));
  if (deadLetters.count > 0) {
    const fix = `gcloud pubsub subscriptions pull ${deadLetters.subscription} --project=${deadLetters.project} --limit=10`;
    found.push({ what: `${counted(deadLetters.count, MESSAGE, deadLetters.hasMore)} on the dead-letter topic`, fix });
  }
  if (webhook.state === 'disabled')
    found.push({
      what: `the webhook ${webhook.id} is disabled`,
      fix: command(`webhooks update ${webhook.id} --enable`),
    });
  return found;
}

function counted(count: number, [singular, plural]: Noun, hasMore = false): string {
  return `${count}${hasMore ? ' or more' : ''} ${count === 1 && !hasMore ? singular : plural}`;
}
