/** The forms that start jobs and register webhooks. */

import { gemini } from './api.js';
import { attempt, byId, copyButton, element } from './dom.js';

const MODEL = 'gemini-3.8-flash';
const URI = 'http://127.0.0.1:3000/';
const OUTCOMES = [
  ['', 'succeed'],
  ['[fail]', 'fail'],
  ['[hang]', 'run until you finish it'],
];

const dialog = byId('dialog');

const FORMS = {
  batch: {
    title: 'Start a batch',
    fields: () => [
      field('Display name', input('name', 'Nightly')),
      field(
        'Prompts, one a line',
        element('textarea', { name: 'prompts', rows: 3, value: 'Tell me a joke', required: true }),
      ),
      field('The batch will', outcomes()),
      field('Webhook URI (default: the registered webhooks)', uri(false)),
    ],
    submit: async ({ name, prompts, outcome, uri: address }) => {
      const requests = prompts
        .split('\n')
        .filter(Boolean)
        .map((text) => ({ request: { contents: [{ parts: [{ text }] }] } }));
      const batch = { displayName: `${name} ${outcome}`.trim(), inputConfig: { requests: { requests } } };
      if (address) batch.webhookConfig = { uris: [address] };
      await gemini('POST', `/models/${MODEL}:batchGenerateContent`, { batch });
    },
  },
  interaction: {
    title: 'Start an interaction',
    fields: () => [
      field('Input', input('text', 'Tell me a joke')),
      field('The interaction will', outcomes()),
      field('Webhook URI (default: the registered webhooks)', uri(false)),
    ],
    submit: async ({ text, outcome, uri: address }) => {
      const config = address ? { webhook_config: { uris: [address] } } : {};
      const interaction = { model: MODEL, input: `${text} ${outcome}`.trim(), background: true, ...config };
      await gemini('POST', '/interactions', interaction);
    },
  },
  webhook: {
    title: 'Register a webhook',
    fields: (eventTypes) => [
      field('Name', input('name', 'My receiver')),
      field('URI', uri(true)),
      checkboxes('Events', eventTypes),
    ],
    submit: async ({ name, uri: address, events }) => {
      const created = await gemini('POST', '/webhooks', { name, uri: address, subscribed_events: events });
      return created.new_signing_secret;
    },
  },
};

/** Opens the form of one kind. `eventTypes` are those that a webhook can subscribe to. */
export function openForm(kind, eventTypes) {
  const { title, fields, submit } = FORMS[kind];
  const failure = element('p', { className: 'reason bad', role: 'alert' });
  const form = element('form', { method: 'dialog' }, ...heading(title), ...fields(eventTypes), failure);
  const cancel = element('button', { type: 'button', textContent: 'Cancel', onclick: () => dialog.close() });
  form.append(
    element(
      'div',
      { className: 'buttons end' },
      cancel,
      element('button', { className: 'primary', textContent: title }),
    ),
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const data = new FormData(form);
    try {
      const secret = await submit({ ...Object.fromEntries(data), events: data.getAll('events') });
      if (secret) showSecret(secret);
      else dialog.close();
    } catch (error) {
      failure.textContent = error.message;
    }
  });
  show(form);
}

function showSecret(secret) {
  const close = element('button', { className: 'primary', textContent: 'Done', onclick: () => dialog.close() });
  const text = element('p', {
    textContent: 'The receiver verifies signatures with this secret. It is shown only once.',
  });
  const buttons = element('div', { className: 'buttons end' }, copyButton('Copy', secret), close);
  show(element('div', {}, ...heading('Signing secret'), text, element('pre', { textContent: secret }), buttons));
}

function show(content) {
  dialog.replaceChildren(content);
  if (!dialog.open) void attempt(() => dialog.showModal());
}

function heading(title) {
  return [element('h2', { id: 'dialog-title', textContent: title })];
}

function field(text, control) {
  return element('label', {}, element('span', { textContent: text }), control);
}

function input(name, value) {
  return element('input', { name, value, required: true, autocomplete: 'off' });
}

function uri(required) {
  return element('input', { name: 'uri', type: 'url', placeholder: URI, value: required ? URI : '', required });
}

function checkboxes(text, names) {
  const boxes = names.map((value) => {
    const box = element('input', { type: 'checkbox', name: 'events', value, checked: true });
    return element('label', {}, box, value);
  });
  return element('fieldset', {}, element('legend', { textContent: text }), ...boxes);
}

function outcomes() {
  return element(
    'select',
    { name: 'outcome' },
    ...OUTCOMES.map(([value, textContent]) => element('option', { value, textContent })),
  );
}
