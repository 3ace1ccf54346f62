/** Lists of cards. Cards that show the same stay as they are; others keep what is open and focused. */

import { byId } from './dom.js';

const shown = new Map();
const FOCUSABLE = 'button, select, summary, a';

export function renderList(listId, items, keyOf, build) {
  const list = byId(listId);
  const focused = focusIn(list);
  const cards = items.map((item) => {
    const key = `${listId}/${keyOf(item)}`;
    const json = JSON.stringify(item);
    const known = shown.get(key);
    if (known?.json === json) return known.card;
    const card = build(item);
    if (known) reopen(known.card, card);
    shown.set(key, { json, card });
    return card;
  });
  if (cards.length !== list.children.length || cards.some((card, index) => list.children[index] !== card)) {
    list.replaceChildren(...cards);
    restoreFocus(focused, listId);
  }
}

function reopen(from, to) {
  for (const details of from.querySelectorAll('details[open]')) {
    const same = to.querySelector(`details[data-key="${CSS.escape(details.dataset.key)}"]`);
    if (same) same.open = true;
  }
}

function focusIn(list) {
  const card = document.activeElement?.closest('li');
  if (!list.contains(card)) return undefined;
  const key = [...shown].find(([, known]) => known.card === card)?.[0];
  return { key, place: [...card.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement) };
}

function restoreFocus(focused, listId) {
  if (focused?.key?.startsWith(`${listId}/`) !== true) return;
  shown.get(focused.key)?.card.querySelectorAll(FOCUSABLE)[focused.place]?.focus();
}
