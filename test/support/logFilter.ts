import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const METRICS = join(import.meta.dirname, '../../deploy/monitoring/metrics');

/**
 * Returns true where a log-based metric counts a line of a function's log.
 *
 * Evaluates the part of Cloud Logging's query language that the metrics use: comparisons with `=` and `>=`, joined by
 * `AND`. Throws for any other term, so that a filter cannot pass unread.
 */
export function isCounted(metric: string, service: string, line: Readonly<Record<string, unknown>>): boolean {
  const { filter } = JSON.parse(readFileSync(join(METRICS, `${metric}.json`), 'utf8')) as { filter: string };
  const entry = {
    resource: { type: 'cloud_run_revision', labels: { service_name: `@PREFIX@${service}` } },
    severity: line['severity'],
    jsonPayload: line,
  };
  return filter.split(' AND ').every((term) => holds(term, entry));
}

function holds(term: string, entry: object): boolean {
  const [, path = '', value] = /^([\w.]+)="([^"]*)"$/.exec(term) ?? [];
  if (value === undefined) throw new Error(`This term of the filter is not supported: ${term}`);
  const found = path
    .split('.')
    .reduce<unknown>((object, name) => (object as Record<string, unknown> | undefined)?.[name], entry);
  return found === value;
}
