import { fields } from '../terminal.ts';
import type { Webhook } from './administration.ts';

export function webhookLines(webhook: Webhook): string {
  return fields({
    id: webhook.id,
    name: webhook.name,
    uri: webhook.uri,
    events: webhook.subscribed_events.join(', '),
    state: webhook.state,
    secrets: secretsOf(webhook),
    created: webhook.create_time,
    updated: webhook.update_time,
  });
}

function secretsOf({ signing_secrets: secrets }: Webhook): string {
  return secrets
    .map(({ truncated_secret: shown = '', expire_time: end }) => (end ? `${shown} (until ${end})` : shown))
    .join(', ');
}
