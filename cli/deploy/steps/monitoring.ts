import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Gcloud } from '../gcloud.ts';
import type { Installation } from '../installation.ts';
import { definitionOf, type Item, LABEL, type Line, line, type Resource, type Step } from '../plan.ts';

const FOLDER = 'cli/deploy/monitoring';
const ROOT = join(import.meta.dirname, '../../..');

/** Metrics out of the log, alerts for each thing that means loss, and a dashboard: files that are filled in. */
export function monitoring(installation: Installation): Step {
  return {
    name: 'monitoring',
    title: 'Metrics, alerts and the dashboard',
    items: [
      ...channelOf(installation),
      ...filesIn('metrics').map((file) => metricOf(installation, file)),
      ...filesIn('alerts').map((file) => alertOf(installation, file)),
      dashboardOf(installation),
    ],
  };
}

function filesIn(kind: string): readonly string[] {
  return readdirSync(join(ROOT, FOLDER, kind)).toSorted();
}

/** Where alerts go; without an address they are seen in the console only. */
function channelOf(installation: Installation): readonly Item[] {
  const { alertEmail, prefix } = installation;
  if (alertEmail === undefined) return [{ kind: 'variable', name: 'ALERT_CHANNEL', value: { fixed: '' } }];
  const gcloud = new Gcloud(installation);
  const title = `${prefix}gemini-callbacks ${alertEmail}`;
  const channels = (...words: readonly string[]) => ['beta', 'monitoring', 'channels', ...words];
  const list = channels('list', `--filter=displayName="${title}"`);
  return [
    {
      kind: 'resource',
      title: `mail to ${alertEmail}`,
      read: gcloud.read(...list),
      isCurrent: (found: readonly unknown[]) => found.length > 0,
      create: [
        gcloud.run(
          ...channels('create', '--type=email', `--display-name=${title}`),
          `--channel-labels=email_address=${alertEmail}`,
        ),
      ],
      remove: (found: readonly { name: string }[]) =>
        found.map(({ name }) => gcloud.run(...channels('delete', name, '--force'))),
    },
    { kind: 'variable', name: 'ALERT_CHANNEL', value: { read: gcloud.value('name', ...list) } },
  ];
}

/** A file with the installation's names in it, for the standard input of gcloud. */
function fill({ prefix }: Installation, path: string, definition: string): Line {
  return line(
    'sed',
    `s/@PREFIX@/${prefix}/g; s/@prefix@/${prefix.toLowerCase()}/g; s/@DEFINITION@/${definition}/g`,
    path,
  );
}

/** The channel, where there is one, in the place of a list of channels. */
const FILL_CHANNELS = line('sed', 's|"@CHANNELS@"|[${ALERT_CHANNEL:+"${ALERT_CHANNEL}"}]|');

function definitionOfFile({ prefix, alertEmail = '' }: Installation, path: string): string {
  return definitionOf(prefix, alertEmail, readFileSync(join(ROOT, path), 'utf8'));
}

function displayNameIn({ prefix }: Installation, path: string): string {
  const { displayName } = JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as { displayName: string };
  return displayName.replace('@PREFIX@', prefix);
}

function metricOf(installation: Installation, file: string): Resource {
  const gcloud = new Gcloud(installation);
  const path = `${FOLDER}/metrics/${file}`;
  const name = `${installation.prefix}gemini-callbacks-${file.replace('.json', '')}`;
  const definition = definitionOfFile(installation, path);
  const metrics = (verb: string, ...flags: readonly string[]) => gcloud.run('logging', 'metrics', verb, name, ...flags);
  const filled = (verb: string) => `${fill(installation, path, definition)} | ${metrics(verb, '--config-from-file=-')}`;
  return {
    kind: 'resource',
    title: `metric ${name}`,
    read: gcloud.read('logging', 'metrics', 'describe', name),
    isCurrent: ({ description = '' }: { description?: string }) => description.includes(definition),
    create: [filled('create')],
    update: () => [filled('update')],
    remove: () => [metrics('delete')],
  };
}

function alertOf(installation: Installation, file: string): Resource {
  const gcloud = new Gcloud(installation);
  const path = `${FOLDER}/alerts/${file}`;
  const definition = definitionOfFile(installation, path);
  const displayName = displayNameIn(installation, path);
  const policies = (...words: readonly string[]) => ['alpha', 'monitoring', 'policies', ...words];
  const filled = (...words: readonly string[]) =>
    [
      fill(installation, path, definition),
      FILL_CHANNELS,
      gcloud.run(...policies(...words), '--policy-from-file=-'),
    ].join(' | ');
  const create = [filled('create')];
  return {
    kind: 'resource',
    title: `alert "${displayName}"`,
    read: gcloud.read(...policies('list', `--filter=displayName="${displayName}"`)),
    isCurrent: ([found]: readonly { userLabels?: Record<string, string> }[]) =>
      found?.userLabels?.[LABEL] === definition,
    create,
    update: (found: readonly { name: string }[]) =>
      found.length === 0 ? create : found.map(({ name }) => filled('update', name)),
    remove: (found: readonly { name: string }[]) => found.map(({ name }) => gcloud.run(...policies('delete', name))),
  };
}

/** One that has changed is made anew: it holds nothing. */
function dashboardOf(installation: Installation): Resource {
  const gcloud = new Gcloud(installation);
  const path = `${FOLDER}/dashboard.json`;
  const definition = definitionOfFile(installation, path);
  const displayName = displayNameIn(installation, path);
  const dashboards = (...words: readonly string[]) => gcloud.run('monitoring', 'dashboards', ...words);
  const create = [`${fill(installation, path, definition)} | ${dashboards('create', '--config-from-file=-')}`];
  const remove = (found: readonly { name: string }[]) => found.map(({ name }) => dashboards('delete', name));
  return {
    kind: 'resource',
    title: `dashboard "${displayName}"`,
    read: gcloud.read('monitoring', 'dashboards', 'list', `--filter=displayName="${displayName}"`),
    isCurrent: ([found]: readonly { labels?: Record<string, string> }[]) =>
      found?.labels?.[`definition-${definition}`] !== undefined,
    create,
    update: (found: readonly { name: string }[]) => (found.length === 0 ? create : [...remove(found), ...create]),
    remove,
  };
}
