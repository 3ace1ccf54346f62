/** Builds elements. Text is always set as text, never as HTML. */

const TONES = {
  good: ['succeeded', 'delivered', 'enabled', 'completed'],
  busy: ['pending', 'running', 'waiting', 'requires_action'],
  neutral: ['cancelled', 'disabled', 'dropped'],
};

export const byId = (id) => document.querySelector(`#${id}`);

export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export function row(...children) {
  return element('div', { className: 'row' }, ...children);
}

/** Preformatted text, focusable so that the keyboard can scroll it. */
export function block(text) {
  return element('pre', { textContent: text, tabIndex: 0 });
}

export function chip(text, tone) {
  return element('span', { className: `chip ${tone}`, textContent: text });
}

/** `good`, `busy`, `neutral` or `bad`. */
export function toneOf(state) {
  return Object.keys(TONES).find((tone) => TONES[tone].includes(state)) ?? 'bad';
}

export function stateChip(state) {
  return chip(words(state), toneOf(state));
}

/** An identifier as text: `lost_answer` and `lostAnswer` become `lost answer`. */
export function words(identifier) {
  return identifier.replaceAll('_', ' ').replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

export function quiet(text, properties = {}) {
  return element('span', { className: 'quiet', textContent: text, ...properties });
}

/** Text on one line, cut if too long; its title has all of it. */
export function line(tag, text, className = '') {
  return element(tag, { className: `grow ${className}`, textContent: text, title: text });
}

export function button(text, action, properties = {}) {
  return element('button', { type: 'button', textContent: text, onclick: () => void attempt(action), ...properties });
}

export function copyButton(label, text) {
  return button(label, async () => {
    await navigator.clipboard.writeText(text);
    notify('Copied.');
  });
}

/** A disclosure that stays open when its card is built again, by its key. */
export function disclosure(key, summary, ...children) {
  const made = element('details', {}, element('summary', {}, summary), ...children);
  made.dataset.key = key;
  return made;
}

/** Shows a time with its day, because the clock moves by days. */
export function clockTime(iso) {
  const date = new Date(iso);
  const day = date.toLocaleDateString([], { month: 'short', day: 'numeric' });
  const time = date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
  const shownDay = element('span', { className: 'day', textContent: `${day}, ` });
  return element('time', { className: 'quiet', dateTime: iso }, shownDay, time);
}

/** JSON with indentation, or the text itself. */
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return text;
  }
}

/** Runs an action, and shows its error. */
export async function attempt(action) {
  const error = byId('error');
  try {
    await action();
    error.hidden = true;
  } catch (reason) {
    error.textContent = reason.message;
    error.hidden = false;
  }
}

/** Shows a short message that screen readers announce. */
export function notify(text) {
  const notice = byId('notice');
  notice.textContent = text;
  notice.className = 'notice';
  clearTimeout(notify.timer);
  notify.timer = setTimeout(() => (notice.className = 'hidden'), 2500);
}
