import { admin, gemini } from './api.js';
import { button, chip, element, line, row, stateChip } from './dom.js';

const FAILED = 'disabled_due_to_failed_deliveries';

export function webhookCard({ id, name, uri, state, subscribedEvents }) {
  const ping = button('Ping', async () => await admin('POST', '/webhooks/ping', { id }));
  const enable = button('Enable', async () => await gemini('PATCH', `/webhooks/${id}`, { state: 'enabled' }));
  const shownState = state === FAILED ? chip('disabled', 'bad') : stateChip(state);
  const reason = element('p', { className: 'reason bad', textContent: 'Too many deliveries failed in a row.' });
  return element(
    'li',
    { className: 'card' },
    row(shownState, name ? line('strong', name) : line('code', uri), ...(state === 'enabled' ? [] : [enable]), ping),
    ...(name ? [row(line('code', uri))] : []),
    ...(state === FAILED ? [reason] : []),
    element('div', { className: 'quiet', textContent: subscribedEvents.join(', ') }),
  );
}
