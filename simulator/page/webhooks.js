import { admin } from './api.js';
import { button, element, line, row, stateChip } from './dom.js';

export function webhookCard({ id, name, uri, state, subscribedEvents }) {
  const ping = button('Ping', async () => await admin('POST', '/webhooks/ping', { id }));
  const title = name ? [line('strong', name)] : [];
  return element(
    'li',
    { className: 'card' },
    row(stateChip(state), ...title, ...(name ? [] : [line('code', uri)]), ping),
    ...(name ? [row(line('code', uri))] : []),
    row(line('span', subscribedEvents.join(', '), 'quiet')),
  );
}
