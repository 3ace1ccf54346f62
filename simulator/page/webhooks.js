import { admin, gemini } from './api.js';
import { button, element, line, row, stateChip } from './dom.js';

export function webhookCard({ id, name, uri, state, subscribedEvents }) {
  const ping = button('Ping', async () => await admin('POST', '/webhooks/ping', { id }));
  const enable = button('Enable', async () => await gemini('PATCH', `/webhooks/${id}`, { state: 'enabled' }));
  const buttons = state === 'enabled' ? [ping] : [enable, ping];
  return element(
    'li',
    { className: 'card' },
    row(stateChip(state), name ? line('strong', name) : line('code', uri), ...buttons),
    ...(name ? [row(line('code', uri))] : []),
    element('div', { className: 'quiet', textContent: subscribedEvents.join(', ') }),
  );
}
