import { byId, toneOf } from './dom.js';

/** Calls `changed` whenever the filter changes. */
export function watchFilter(changed) {
  const form = byId('filter');
  form.addEventListener('input', changed);
  form.addEventListener('submit', (event) => event.preventDefault());
}

/** The jobs and deliveries of an overview that match the search text, type and state. */
export function filtered({ jobs, deliveries }) {
  const { text, type, state } = Object.fromEntries(new FormData(byId('filter')));
  const matches = (item, itemType) =>
    itemType.startsWith(type) &&
    (state === '' || toneOf(item.state) === state) &&
    JSON.stringify(item).toLowerCase().includes(text.trim().toLowerCase());
  return {
    jobs: jobs.filter((job) => matches(job, job.kind)),
    deliveries: deliveries.filter((delivery) => matches(delivery, delivery.eventType)),
  };
}
