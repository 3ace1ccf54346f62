/** Loads the overview whenever the ledger changes, and shows it. */

import { admin } from './api.js';
import { renderList } from './cards.js';
import { deliveryCard } from './deliveries.js';
import { openForm } from './dialogs.js';
import { attempt, byId, clockTime } from './dom.js';
import { buildFaults, showFaults } from './faults.js';
import { filtered, watchFilter } from './filter.js';
import { jobCard } from './jobs.js';
import { webhookCard } from './webhooks.js';

/** Changes come in bursts and are shown together. */
const REFRESH_DELAY_MILLIS = 80;

/** The simulator's time ahead of this machine's, or the time at which a manual clock stands. */
let clock = { aheadMillis: 0 };
let overview;

function render() {
  if (overview === undefined) return;
  const now = Date.parse(overview.now);
  clock = overview.manualClock ? { standsAt: now } : { aheadMillis: now - Date.now() };
  byId('manual').hidden = !overview.manualClock;
  byId('seed').textContent = overview.seed;
  const { jobs, deliveries } = filtered(overview);
  byId('job-count').textContent = countText(jobs.length, overview.jobs.length, overview.jobCount);
  byId('webhook-count').textContent = overview.webhooks.length;
  byId('delivery-count').textContent = countText(deliveries.length, overview.deliveries.length, overview.deliveryCount);
  for (const list of ['jobs', 'webhooks', 'deliveries']) {
    byId(list)
      .closest('section')
      .classList.toggle('is-empty', overview[list].length === 0);
  }
  renderList('jobs', jobs, ({ name }) => name, jobCard);
  renderList('webhooks', overview.webhooks, ({ id }) => id, webhookCard);
  renderList('deliveries', deliveries, ({ webhookId, uri }) => `${webhookId} ${uri}`, deliveryCard);
  showFaults(overview.faults);
  showTime();
  document.querySelector('main').hidden = false;
}

/** Says how many are shown, where that is not all. */
function countText(shown, loaded, all) {
  if (shown < loaded) return `${shown} of ${all} match`;
  return loaded < all ? `latest ${loaded} of ${all}` : String(all);
}

function showTime() {
  const date = new Date(clock.standsAt ?? Date.now() + clock.aheadMillis);
  byId('now').replaceWith(Object.assign(clockTime(date.toISOString()), { id: 'now', className: '' }));
}

async function refresh() {
  overview = await admin('GET', '/overview');
  render();
}

let isStale = false;
let isRefreshing = false;

/** Refreshes one at a time, so that no older overview replaces a newer one. */
async function refreshSoon() {
  isStale = true;
  if (isRefreshing) return;
  isRefreshing = true;
  while (isStale) {
    await new Promise((resolve) => setTimeout(resolve, REFRESH_DELAY_MILLIS));
    isStale = false;
    await refresh().catch(() => undefined);
  }
  isRefreshing = false;
}

function connect() {
  const connection = byId('connection');
  const show = (text, tone) => Object.assign(connection, { textContent: text, className: `chip ${tone}` });
  const stream = new EventSource('/admin/stream');
  stream.addEventListener('open', () => show('live', 'good'));
  stream.addEventListener('error', () => show('connection lost', 'bad'));
  stream.addEventListener('change', () => void refreshSoon());
}

byId('usage').textContent = `export GOOGLE_GEMINI_BASE_URL=${location.origin}\nexport GEMINI_API_KEY=any-key`;
for (const advance of document.querySelectorAll('[data-advance]')) {
  const millis = Number(advance.dataset.advance);
  advance.addEventListener('click', () => {
    void attempt(async () => await admin('POST', '/clock/advance', { millis })).then(refreshSoon);
  });
}
for (const opener of document.querySelectorAll('[data-open]')) {
  opener.addEventListener('click', () => {
    void attempt(async () => {
      if (overview === undefined) await refresh();
      openForm(opener.dataset.open, overview.eventTypes);
    });
  });
}
watchFilter(render);
buildFaults();
setInterval(showTime, 1000);
connect();
