import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Gcloud } from '../gcloud.ts';
import type { Installation } from '../installation.ts';
import { definitionOf, type Item, LABEL, type Line, line, type Remnant, type Resource, type Step } from '../plan.ts';

const FOLDER = 'deploy/monitoring';
const ROOT = join(import.meta.dirname, '../..');

/** Metrics out of the log, long before the alerts: one that is new is not known to them for up to ten minutes. */
export function metrics(installation: Installation): Step {
  return {
    name: 'metrics',
    title: 'Metrics',
    items: filesIn('metrics').map((file) => metricOf(installation, file)),
  };
}

/** Alerts for each thing that means loss, and a dashboard: files that are filled in. */
export function monitoring(installation: Installation): Step {
  return {
    name: 'monitoring',
    title: 'Alerts and the dashboard',
    items: [
      ...channelOf(installation),
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
  const gcloud = new Gcloud(installation);
  const channels = (...words: readonly string[]) => ['beta', 'monitoring', 'channels', ...words];
  const former: Remnant = {
    kind: 'remnant',
    title: 'mail of alerts',
    read: gcloud.read(...channels('list')),
    remove: (found: readonly Channel[]) =>
      found
        .filter(({ displayName }) => displayName?.startsWith(`${prefix}gemini-callbacks `))
        .map(({ name }) => gcloud.run(...channels('delete', name, '--force'))),
  };
  if (alertEmail === undefined) return [former, { kind: 'variable', name: 'ALERT_CHANNEL', value: { fixed: '' } }];
  const title = `${prefix}gemini-callbacks ${alertEmail}`;
  const list = channels('list', `--filter=displayName="${title}"`);
  return [
    former,
    {
      kind: 'resource',
      title: `mail to ${alertEmail}`,
      read: gcloud.read(...list),
      isCurrent: (found: readonly Channel[]) => found.length > 0,
      create: [
        gcloud.run(
          ...channels('create', '--type=email', `--display-name=${title}`),
          `--channel-labels=email_address=${alertEmail}`,
        ),
      ],
    },
    { kind: 'variable', name: 'ALERT_CHANNEL', value: { read: gcloud.value('name', ...list) } },
  ];
}

interface Channel {
  readonly name: string;
  readonly displayName?: string;
}

/** A file with the installation's names in it, for the standard input of gcloud. */
function fill({ prefix }: Installation, path: string, definition: string): Line {
  return line('sed', `s/@PREFIX@/${prefix}/g; s/@DEFINITION@/${definition}/g`, path);
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
  const run = (verb: string, ...flags: readonly string[]) => gcloud.run('logging', 'metrics', verb, name, ...flags);
  const filled = (verb: string) => `${fill(installation, path, definition)} | ${run(verb, '--config-from-file=-')}`;
  return {
    kind: 'resource',
    title: `metric ${name}`,
    read: gcloud.read('logging', 'metrics', 'describe', name),
    isCurrent: ({ description = '' }: { description?: string }) => description.includes(definition),
    create: [filled('create')],
    update: () => [filled('update')],
    remove: () => [run('delete')],
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
