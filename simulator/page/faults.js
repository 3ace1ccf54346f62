import { admin } from './api.js';
import { attempt, byId, element } from './dom.js';

const SWITCHES = {
  duplicate: 'Duplicate',
  reorder: 'Reorder',
  delay: 'Delay',
  drop: 'Drop',
  unknownType: 'Unknown event type',
  stale: 'Old timestamp',
  unsigned: 'No signature',
  wrongSignature: 'Wrong signature',
  lostAnswer: 'Lost response',
};

const share = byId('fault-share');
const panel = byId('faults');

export function buildFaults() {
  const switches = Object.entries(SWITCHES).map(([name, text]) => {
    const input = element('input', { type: 'checkbox', name, role: 'switch' });
    input.addEventListener('change', () => set({ [name]: input.checked ? Number(share.value) : 0 }));
    return element('label', {}, input, text);
  });
  byId('fault-switches').replaceChildren(...switches);
  share.addEventListener('change', () => {
    const active = inputs().filter(({ checked }) => checked);
    set(Object.fromEntries(active.map(({ name }) => [name, Number(share.value)])));
  });
  document.addEventListener('click', ({ target }) => {
    if (!panel.contains(target)) panel.open = false;
  });
  panel.addEventListener('keydown', ({ key }) => {
    if (key !== 'Escape') return;
    panel.open = false;
    panel.querySelector('summary').focus();
  });
}

export function showFaults(faults) {
  for (const input of inputs()) input.checked = faults[input.name] > 0;
  const count = inputs().filter(({ checked }) => checked).length;
  Object.assign(byId('fault-count'), {
    textContent: count === 0 ? 'off' : `${count} on`,
    className: `chip ${count === 0 ? '' : 'bad'}`,
  });
}

function inputs() {
  return [...byId('fault-switches').querySelectorAll('input')];
}

function set(faults) {
  void attempt(async () => {
    const settings = await admin('PATCH', '/settings', { faults });
    showFaults(settings.faults);
  });
}
