/** The page: asks for the overview whenever the ledger changes, and shows it. All text goes in as text, never as HTML. */

const TONES = {
  succeeded: 'good',
  delivered: 'good',
  enabled: 'good',
  pending: 'busy',
  running: 'busy',
  waiting: 'busy',
  requires_action: 'busy',
};
const NEUTRAL = new Set(['cancelled', 'disabled']);
const OUTCOMES = {
  batch: ['succeeded', 'failed', 'cancelled', 'expired', 'partially_succeeded'],
  interaction: ['succeeded', 'requires_action', 'failed', 'cancelled', 'incomplete', 'budget_exceeded'],
  video: ['succeeded', 'failed'],
};
/** Changes come in bursts; they are shown together. */
const REFRESH_DELAY_MILLIS = 80;

const byId = (id) => document.querySelector(`#${id}`);

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function row(...children) {
  return element('div', { className: 'row' }, ...children);
}

function chip(text, tone) {
  return element('span', { className: `chip ${tone}`, textContent: text });
}

function stateChip(state) {
  const tone = TONES[state] ?? (NEUTRAL.has(state) ? '' : 'bad');
  return chip(state.replaceAll('_', ' '), tone);
}

function code(text) {
  return element('code', { className: 'grow', textContent: text, title: text });
}

function button(text, action) {
  return element('button', { type: 'button', textContent: text, onclick: () => void attempt(action) });
}

/** With its day, as the clock moves by days. */
function clockTime(iso) {
  const day = { month: 'short', day: 'numeric' };
  const time = { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false };
  return new Date(iso).toLocaleString([], { ...day, ...time });
}

async function post(path, body) {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`/admin${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error((await response.json()).error.message);
}

/** Does it, and shows what went wrong. */
async function attempt(action) {
  const error = byId('error');
  try {
    await action();
    error.hidden = true;
  } catch (reason) {
    error.textContent = reason.message;
    error.hidden = false;
  }
  refreshSoon();
}

function jobCard(job) {
  const states = row(stateChip(job.state), element('span', { className: 'quiet grow', textContent: job.kind }));
  states.append(
    job.final ? element('time', { className: 'quiet', textContent: clockTime(job.time) }) : finishButtons(job),
  );
  return element('li', { className: 'card' }, row(code(job.name)), states);
}

function finishButtons({ name, kind }) {
  const options = OUTCOMES[kind].map((state) =>
    element('option', { value: state, textContent: state.replaceAll('_', ' ') }),
  );
  const planned = element('option', { value: '', textContent: 'as planned' });
  const select = element('select', { ariaLabel: 'Outcome' }, planned, ...options);
  const outcome = () => (select.value === '' ? {} : { outcome: { state: select.value } });
  const finish = button('Finish', async () => await post('/jobs/finish', { name, ...outcome() }));
  return element('span', { className: 'buttons' }, select, finish);
}

function webhookCard({ id, name, uri, state, subscribedEvents }) {
  const ping = button('Ping', async () => await post('/webhooks/ping', { id }));
  const events = element('span', { className: 'quiet grow', textContent: subscribedEvents.join(', ') });
  events.title = events.textContent;
  return element(
    'li',
    { className: 'card' },
    row(code(name ? `${name} → ${uri}` : uri), ping),
    row(stateChip(state), events),
  );
}

function deliveryCard(delivery) {
  const { webhookId, eventType, state, kind, uri, attempts, nextAttemptTime } = delivery;
  const redeliver = button('Redeliver', async () => await post('/deliveries/redeliver', { webhookId }));
  const title = element('strong', { className: 'grow', textContent: eventType });
  const time = element('time', { className: 'quiet', textContent: clockTime(delivery.time) });
  const next = nextAttemptTime ? `next ${clockTime(nextAttemptTime)}` : '';
  const tries = row(element('span', { className: 'attempts grow' }, ...attempts.map(attemptChip)));
  tries.append(element('span', { className: 'quiet', textContent: next }));
  return element(
    'li',
    { className: 'card' },
    row(stateChip(state), title, redeliver),
    row(element('span', { className: 'quiet', textContent: kind }), code(uri), time),
    tries,
    details(delivery),
  );
}

function attemptChip({ number, answer, faults }) {
  const result = answer ? (answer.error ?? answer.status) : '…';
  const good = answer?.status >= 200 && answer?.status < 300 && !faults.includes('lost_answer');
  const latency = answer ? ` · ${answer.latencyMillis} ms` : '';
  const told = faults.length > 0 ? ` · ${faults.join(', ').replaceAll('_', ' ')}` : '';
  return chip(`#${number} ${result}${latency}${told}`, answer ? (good ? 'good' : 'bad') : 'busy');
}

function details({ webhookId, jobName, body, attempts }) {
  const last = attempts.at(-1);
  const headers = Object.entries(last?.requestHeaders ?? {}).map(([name, value]) => `${name}: ${value}`);
  const answer = last?.answer?.body ? [`→ ${last.answer.status} ${last.answer.body}`] : [];
  const request = [...headers, '', body, ...answer].join('\n').trim();
  const summary = element('summary', { textContent: `${webhookId}${jobName ? ` · ${jobName}` : ''}` });
  return element('details', {}, summary, element('pre', { textContent: request }));
}

/** Cards by key and what they show, so that unchanged ones stay as they are: open, focused, selected. */
const shown = new Map();

function renderList(listId, items, keyOf, build) {
  const cards = items.map((item) => {
    const key = `${listId}/${keyOf(item)}`;
    const json = JSON.stringify(item);
    const known = shown.get(key);
    if (known?.json === json) return known.card;
    const card = build(item);
    if (known?.card.querySelector('details')?.open) card.querySelector('details').open = true;
    shown.set(key, { json, card });
    return card;
  });
  const list = byId(listId);
  if (cards.length !== list.children.length || cards.some((card, index) => list.children[index] !== card)) {
    list.replaceChildren(...cards);
  }
}

/** The simulator's time ahead of this machine's, or where a manual clock stands. */
let clock = { aheadMillis: 0 };

function render(overview) {
  const now = Date.parse(overview.now);
  clock = overview.manualClock ? { standsAt: now } : { aheadMillis: now - Date.now() };
  byId('manual').hidden = !overview.manualClock;
  byId('seed').textContent = overview.seed;
  byId('job-count').textContent = overview.jobCount;
  byId('webhook-count').textContent = overview.webhooks.length;
  byId('delivery-count').textContent = overview.deliveryCount;
  renderList('jobs', overview.jobs, ({ name }) => name, jobCard);
  renderList('webhooks', overview.webhooks, ({ id }) => id, webhookCard);
  renderList('deliveries', overview.deliveries, ({ webhookId, uri }) => `${webhookId} ${uri}`, deliveryCard);
  showTime();
}

function showTime() {
  const date = new Date(clock.standsAt ?? Date.now() + clock.aheadMillis);
  byId('now').textContent = date.toLocaleString([], { dateStyle: 'medium', timeStyle: 'medium', hour12: false });
}

async function refresh() {
  const response = await fetch('/admin/overview');
  render(await response.json());
}

let refreshTimer;

function refreshSoon() {
  refreshTimer ??= setTimeout(() => {
    refreshTimer = undefined;
    void refresh();
  }, REFRESH_DELAY_MILLIS);
}

function connect() {
  const connection = byId('connection');
  const show = (text, tone) => Object.assign(connection, { textContent: text, className: `chip ${tone}` });
  const stream = new EventSource('/admin/stream');
  stream.addEventListener('open', () => show('live', 'good'));
  stream.addEventListener('error', () => show('connection lost', 'bad'));
  stream.addEventListener('change', refreshSoon);
}

byId('usage').textContent = `export GOOGLE_GEMINI_BASE_URL=${location.origin}\nexport GEMINI_API_KEY=any-key`;
for (const advance of document.querySelectorAll('[data-advance]')) {
  const millis = Number(advance.dataset.advance);
  advance.addEventListener('click', () => void attempt(async () => await post('/clock/advance', { millis })));
}
setInterval(showTime, 1000);
connect();
