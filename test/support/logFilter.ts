import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const MONITORING = join(import.meta.dirname, '../../deploy/monitoring');

type Line = Readonly<Record<string, unknown>>;

/** A log-based metric, evaluated as Cloud Logging does. */
interface Metric {
  readonly name: string;
  readonly filter: string;
  /** Label names with the paths of their values. */
  readonly labels: Readonly<Record<string, string>>;
}

/** A condition of an alert on a log-based metric. */
interface AlertCondition {
  readonly alert: string;
  readonly filter: string;
  readonly metric: string;
}

export function metrics(): readonly Metric[] {
  return jsonFiles('metrics').map(([name, content]) => {
    const metric = content as { filter: string; labelExtractors?: Record<string, string> };
    const paths = Object.entries(metric.labelExtractors ?? {}).map(([label, text]) => {
      const [, path] = /^EXTRACT\((.+)\)$/.exec(text) ?? [];
      if (path === undefined) throw new Error(`This extractor is not supported: ${text}`);
      return [label, path] as const;
    });
    return { name, filter: metric.filter, labels: Object.fromEntries(paths) };
  });
}

/** Returns the conditions of all alerts that read a log-based metric. */
export function alertConditions(): readonly AlertCondition[] {
  return jsonFiles('alerts').flatMap(([alert, content]) =>
    (content as { conditions: Record<string, { filter?: string }>[] }).conditions.flatMap((condition) =>
      Object.values(condition).flatMap(({ filter = '' }) => {
        const [, metric] = /"logging\.googleapis\.com\/user\/@PREFIX@gemini-callbacks-([a-z-]+)"/.exec(filter) ?? [];
        return metric === undefined ? [] : [{ alert, filter, metric }];
      }),
    ),
  );
}

/** Returns the labels that a metric reads from a line of a function's log, `undefined` where it does not count it. */
export function labelsOf({ filter, labels }: Metric, service: string, line: Line): Line | undefined {
  const entry = {
    resource: { type: 'cloud_run_revision', labels: { service_name: `@PREFIX@${service}` } },
    severity: line['severity'],
    jsonPayload: line,
  };
  if (!matches(filter, entry)) return undefined;
  return Object.fromEntries(Object.entries(labels).map(([label, path]) => [label, valueAt(entry, path)]));
}

/** Returns `true` where a log-based metric counts a line of a function's log. */
export function isCounted(name: string, service: string, line: Line): boolean {
  const metric = metrics().find((one) => one.name === name);
  if (metric === undefined) throw new Error(`There is no metric ${name}.`);
  return labelsOf(metric, service, line) !== undefined;
}

/** Returns `true` where a condition reads a point of a metric with these labels. */
export function isAlerted({ filter, metric }: AlertCondition, labels: Line): boolean {
  const type = `logging.googleapis.com/user/@PREFIX@gemini-callbacks-${metric}`;
  return matches(filter, { metric: { type, labels }, resource: { type: 'cloud_run_revision' } });
}

/**
 * Evaluates the parts of the query languages of Cloud Logging and Cloud Monitoring that the files use: `AND` between
 * comparisons with `=` or `!=`, to a text, to `("a" OR "b")` or to `one_of("a", "b")`. Throws for any other term, so that
 * no filter passes unread.
 */
function matches(filter: string, entry: object): boolean {
  return filter.split(' AND ').every((term) => {
    const [, path = '', operator, operand = ''] = /^([\w.]+)(!?=)((?:one_of)?\([^()]+\)|"[^"]*")$/.exec(term) ?? [];
    if (operator === undefined) throw new Error(`This term of a filter is not supported: ${term}`);
    const values = [...operand.matchAll(/"([^"]*)"/g)].map(([, value]) => value);
    return values.includes(valueAt(entry, path) as string) === (operator === '=');
  });
}

function valueAt(entry: object, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((object, name) => (object as Record<string, unknown> | undefined)?.[name], entry);
}

function jsonFiles(folder: string): readonly (readonly [name: string, content: unknown])[] {
  return readdirSync(join(MONITORING, folder)).map((file) => [
    file.replace('.json', ''),
    JSON.parse(readFileSync(join(MONITORING, folder, file), 'utf8')),
  ]);
}
