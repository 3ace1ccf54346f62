import { fields } from '../terminal.ts';
import { attentionsOf, type StatusSnapshot } from './snapshot.ts';

/** Draws the status of an installation, and below it what needs a person. */
export function screenOf(snapshot: StatusSnapshot, command: (words: string) => string): string {
  const { deliveries, results, tokens } = snapshot;
  const lines = fields({
    'last delivery': lastDeliveryText(snapshot),
    deliveries: `${deliveries.pending} pending, ${deliveries.quarantined} quarantined`,
    jobs: jobsText(snapshot),
    results: `${results.stalled} stalled, ${results.failed} failed`,
    tokens:
      tokens.jobs === 0
        ? undefined
        : `${tokens.total} in ${tokens.jobs} ${tokens.jobs === 1 ? 'job' : 'jobs'} (${tokens.input} in, ${tokens.output} out)`,
    'dead letters': deadLettersText(snapshot),
    webhook: webhookText(snapshot),
  });
  const attention = attentionsOf(snapshot, command);
  if (attention.length === 0) return `${lines}\n\nNothing needs attention.`;
  return `${lines}\n\nNeeds attention:\n${attention.map(({ what, fix }) => `- ${what}\n    ${fix}`).join('\n')}`;
}

function lastDeliveryText({ at, lastDelivery }: StatusSnapshot): string {
  if (lastDelivery === undefined) return 'none';
  const { type, jobId, state, firstReceivedAt = '' } = lastDelivery;
  const subject = [type, jobId].filter((part) => part !== undefined).join(' ');
  return `${ageText(Date.parse(at) - Date.parse(firstReceivedAt))} ago: ${subject || 'no event'} (${state})`;
}

function jobsText({ jobs }: StatusSnapshot): string {
  const present = Object.entries(jobs).filter(([, count]) => count > 0);
  return present.map(([state, count]) => `${count} ${state}`).join(', ') || 'none';
}

function deadLettersText({ deadLetters: { count, hasMore, subscription } }: StatusSnapshot): string {
  if (subscription === undefined) return 'unchecked: the dead-letter topic has no subscription';
  return `${count}${hasMore ? ' or more' : ''}`;
}

function webhookText({ webhook: { id, state, reason } }: StatusSnapshot): string {
  if (state === 'none') return 'none registered to the callback URL';
  return [id, reason === undefined ? state : `${state}: ${reason}`].filter((part) => part !== undefined).join(' ');
}

/** `45 s`, `12 min`, `3 h`, `2 d`. */
function ageText(millis: number): string {
  const seconds = Math.max(0, Math.round(millis / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
