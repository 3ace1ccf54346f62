import { admin } from './api.js';
import { block, button, clockTime, disclosure, element, line, pretty, quiet, row, stateChip, words } from './dom.js';

const OUTCOMES = {
  batch: ['succeeded', 'failed', 'cancelled', 'expired', 'partially_succeeded'],
  interaction: ['succeeded', 'requires_action', 'failed', 'cancelled', 'incomplete', 'budget_exceeded'],
  video: ['succeeded', 'failed'],
};

export function jobCard(job) {
  const card = element(
    'li',
    { className: 'card' },
    row(stateChip(job.state), line('strong', job.displayName || words(job.kind))),
    row(quiet(job.kind), line('code', job.name), clockTime(job.time)),
  );
  if (job.error) card.append(element('p', { className: 'reason bad', textContent: job.error }));
  card.append(job.final ? results(job) : row(finishButtons(job)));
  return card;
}

function finishButtons({ name, kind }) {
  const options = OUTCOMES[kind].map((state) => element('option', { value: state, textContent: words(state) }));
  const planned = element('option', { value: '', textContent: 'as planned' });
  const select = element('select', { ariaLabel: 'Outcome' }, planned, ...options);
  const outcome = () => (select.value === '' ? {} : { outcome: { state: select.value } });
  const finish = button('Finish', async () => await admin('POST', '/jobs/finish', { name, ...outcome() }));
  return element('span', { className: 'buttons' }, select, finish);
}

/** Loaded when it is opened, because results can be large. */
function results({ name }) {
  const content = element('div', { textContent: 'Loading…' });
  const made = disclosure('results', 'Results', content);
  made.addEventListener('toggle', async () => {
    if (!made.open) return;
    try {
      const { output, resource } = await admin('POST', '/jobs/results', { name });
      const lines = output.split('\n').map(pretty).join('\n');
      const heading = element('h3', { textContent: 'Resource' });
      content.replaceChildren(
        ...(output ? [block(lines)] : []),
        heading,
        block(JSON.stringify(resource, undefined, 2)),
      );
    } catch (error) {
      content.textContent = error.message;
    }
  });
  return made;
}
