import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readOptions } from '../../../deploy/options.ts';
import { problemsIn } from '../../support/gcloud.ts';

const ROOT = join(import.meta.dirname, '../../..');
const FOLDER = join(ROOT, 'deploy/monitoring');
const CATALOGUE = readFileSync(join(ROOT, 'functions/observability/log.ts'), 'utf8');

const read = (path: string) => readFileSync(join(FOLDER, path), 'utf8');
const metrics = readdirSync(join(FOLDER, 'metrics'));
const alerts = readdirSync(join(FOLDER, 'alerts'));

const metricsIn = (text: string) => [...text.matchAll(/gemini-callbacks-([a-z-]+)\\"/g)].map(([, name = '']) => name);

test.each(metrics)('the metric %s counts an event that the log has, by fields that it has', (file) => {
  const { filter, labelExtractors = {} } = JSON.parse(read(`metrics/${file}`)) as {
    filter: string;
    labelExtractors?: Record<string, string>;
  };
  const events = [...filter.matchAll(/"([a-z]+_[a-z_]+)"/g)].map(([, event = '']) => event);
  const known = [...events, 'reconciled'].filter((event) => CATALOGUE.includes(`'${event}'`));
  expect(known.length).toBeGreaterThan(0);
  expect(events.filter((event) => event !== 'cloud_run_revision' && !known.includes(event))).toEqual([]);
  const fields = Object.values(labelExtractors).map((text) => /^EXTRACT\(jsonPayload\.(\w+)/.exec(text)?.[1]);
  for (const field of fields) expect(CATALOGUE).toMatch(new RegExp(`\\b${field}\\b`));
});

test.each([...alerts.map((file) => `alerts/${file}`), 'dashboard.json'])(
  '%s looks at metrics that there are',
  (file) => {
    const named = metricsIn(read(file));
    expect(named.filter((name) => !metrics.includes(`${name}.json`))).toEqual([]);
    expect(named.length > 0 || read(file).includes('pubsub.googleapis.com/')).toBe(true);
  },
);

test('every metric is on the dashboard or in an alert', () => {
  const used = new Set(
    [...alerts.map((file) => `alerts/${file}`), 'dashboard.json'].flatMap((file) => metricsIn(read(file))),
  );
  expect(metrics.filter((file) => !used.has(file.replace('.json', '')))).toEqual([]);
});

test('every file names services of the installation', () => {
  const { services } = readOptions({}, { project: 'my-project', region: 'europe-west1', prefix: '' });
  const files = [...metrics.map((file) => `metrics/${file}`), ...alerts.map((file) => `alerts/${file}`)];
  const named = files.flatMap((file) => {
    const filters =
      read(file)
        .match(/service_name=[^A-Z]*(@PREFIX@[^)]*)/g)
        ?.join(' ') ?? '';
    return [...filters.matchAll(/@PREFIX@([\w-]+)/g)].map(([, name]) => name);
  });
  expect(new Set(named)).toEqual(new Set(Object.values(services)));
});

test("files are messages of the API's own types", () => {
  const filledIn = (path: string) =>
    read(path)
      .replaceAll('@PREFIX@', 'staging-')
      .replaceAll('@DEFINITION@', '0123456789abcdef')
      .replace('"@CHANNELS@"', '["projects/p/notificationChannels/1"]');
  const messages = [
    ...metrics.map((file) => ({ message: 'logging.v2.LogMetric', json: filledIn(`metrics/${file}`) })),
    ...alerts.map((file) => ({ message: 'monitoring.v3.AlertPolicy', json: filledIn(`alerts/${file}`) })),
    { message: 'monitoring.v1.Dashboard', json: filledIn('dashboard.json') },
  ];
  expect(problemsIn(messages)).toEqual(messages.map(() => ''));
  const wrong = [
    { message: 'monitoring.v3.AlertPolicy', json: '{"conditions": [{"conditionThreshold": {"treshold": 1}}]}' },
    { message: 'logging.v2.LogMetric', json: '{"metricDescriptor": {"metricKind": "DELTAS"}}' },
  ];
  expect(problemsIn(wrong)).toEqual([expect.stringContaining('treshold'), expect.stringContaining('metricKind')]);
}, 60_000);
