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

test.each(metrics)('the metric %s counts an event of the log by fields of the log', (file) => {
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

test('alerts and the dashboard look at metrics that exist, and at all of them', () => {
  const names = metrics.map((file) => file.replace('.json', ''));
  const views = [...alerts.map((file) => `alerts/${file}`), 'dashboard.json'].map((file) => ({
    file,
    used: [...read(file).matchAll(/gemini-callbacks-([a-z-]+)\\"/g)].map(([, name = '']) => name),
    isOfPubsub: read(file).includes('pubsub.googleapis.com/'),
  }));
  expect(views.filter(({ used, isOfPubsub }) => used.length === 0 && !isOfPubsub)).toEqual([]);
  expect(new Set(views.flatMap(({ used }) => used))).toEqual(new Set(names));
});

test('every file names services of the installation', () => {
  const { services } = readOptions({}, { project: 'my-project', region: 'europe-west1', prefix: '' });
  const files = [...metrics.map((file) => `metrics/${file}`), ...alerts.map((file) => `alerts/${file}`)];
  const filters = files.flatMap((file) => read(file).match(/service_name=[^A-Z]*(@PREFIX@[^)]*)/g) ?? []).join(' ');
  const named = [...filters.matchAll(/@PREFIX@([\w-]+)/g)].map(([, name]) => name);
  expect(new Set(named)).toEqual(new Set(Object.values(services)));
});

test("files are messages of the API's own types", async () => {
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
  const wrong = [
    { message: 'monitoring.v3.AlertPolicy', json: '{"conditions": [{"conditionThreshold": {"treshold": 1}}]}' },
    { message: 'logging.v2.LogMetric', json: '{"metricDescriptor": {"metricKind": "DELTAS"}}' },
  ];
  expect(await problemsIn([...messages, ...wrong])).toEqual([
    ...messages.map(() => ''),
    expect.stringContaining('treshold'),
    expect.stringContaining('metricKind'),
  ]);
}, 60_000);
