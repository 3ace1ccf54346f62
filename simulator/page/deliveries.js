import { admin } from './api.js';
import { block, button, chip, clockTime, copyButton, disclosure, element, line } from './dom.js';
import { pretty, quiet, row, stateChip, words } from './dom.js';
import { outcomeOf } from './reasons.js';

const KINDS = {
  static: 'To a registered webhook, signed with its secret',
  dynamic: 'To a URI of the job, signed with a key of /.well-known/jwks.json',
};

export function deliveryCard(delivery) {
  const { eventType, state, kind, uri, attempts, nextAttemptTime, jobName } = delivery;
  return element(
    'li',
    { className: 'card' },
    row(stateChip(state), line('strong', eventType), clockTime(delivery.time)),
    row(quiet(kind, { title: KINDS[kind] }), line('code', uri)),
    ...(jobName ? [row(quiet('job'), line('code', jobName))] : []),
    ...attempts.map((attempt) => attemptDetails(delivery, attempt)),
    ...(nextAttemptTime ? [row(quiet('Next attempt '), clockTime(nextAttemptTime))] : []),
    actions(delivery),
  );
}

function actions({ webhookId }) {
  const again = (fault) => async () => await admin('POST', '/deliveries/redeliver', { webhookId, fault });
  return element(
    'div',
    { className: 'row buttons', role: 'group', ariaLabel: 'Send again' },
    button('Duplicate', again('duplicate'), { title: 'Sends it again with the same webhook-id' }),
    button('Replay an old one', again('stale'), { title: 'Sends it again, signed with a timestamp of the past' }),
    button('Forge', again('wrong_signature'), { title: 'Sends it again, signed with a key that is not Gemini’s' }),
    button('Reorder', async () => await admin('POST', '/deliveries/reorder', { webhookId }), {
      title: 'Sends the next delivery to this URI again, then this one',
    }),
  );
}

function attemptDetails(delivery, attempt) {
  const { number, answer, faults } = attempt;
  const { tone, text } = outcomeOf(attempt);
  const result = answer ? (answer.error ?? answer.status) : '…';
  const faultNames = faults.map((fault) => chip(words(fault), 'neutral'));
  const latency = answer ? [quiet(`${answer.latencyMillis} ms`)] : [];
  const reason = element('span', { className: `grow reason ${tone}`, textContent: text });
  const summary = element(
    'span',
    { className: 'attempt' },
    chip(`#${number} ${result}`, tone),
    ...faultNames,
    reason,
    ...latency,
  );
  return disclosure(`attempt-${number}`, summary, request(delivery, attempt), response(answer));
}

function request(delivery, { requestHeaders, time }) {
  const headers = Object.entries(requestHeaders).map(([name, value]) => `${name}: ${value}`);
  const text = [`POST ${delivery.uri}`, ...headers, '', pretty(delivery.body)].join('\n');
  const copy = copyButton('Copy as curl', curl(delivery, requestHeaders));
  return element('div', {}, row(element('h3', { className: 'grow' }, 'Request ', clockTime(time)), copy), block(text));
}

function response(answer) {
  if (!answer) return '';
  const text = answer.error ?? [`HTTP ${answer.status}`, '', pretty(answer.body)].join('\n').trim();
  return element('div', {}, element('h3', { textContent: 'Response' }), block(text));
}

function curl({ uri, body }, headers) {
  const quoted = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`;
  const sent = Object.entries(headers).filter(([name]) => name !== 'Content-Length');
  const options = sent.map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`);
  return ['curl', quoted(uri), ...options, '--data-raw', quoted(body)].join(' ');
}
