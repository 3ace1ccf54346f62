import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InstallationSpec } from '../installation.ts';
import { digestOf, Gcloud, type Line, line } from '../line.ts';
import { type Item, LABEL, type Resource, type Step, variable } from '../plan.ts';
import { ROOT } from '../shell.ts';

const FOLDER = 'deploy/monitoring';

/** Log-based metrics. They run early, because alerts find a new metric only after minutes. */
export function metrics(installation: InstallationSpec): Step {
  return {
    name: 'metrics',
    title: 'Log-based metrics',
    needs: ['project'],
    chains: filesIn('metrics').map((file) => [metricOf(installation, file)]),
  };
}

/** Alerts on everything that means loss, and a dashboard. */
export function monitoring(installation: InstallationSpec): Step {
  const alerts = filesIn('alerts').map((file) => alertOf(installation, file));
  return {
    name: 'monitoring',
    title: 'Alerts and dashboard',
    needs: ['metrics', 'messaging'],
    chains: [[...channelItems(installation), ...alerts], [dashboardOf(installation)]],
  };
}

/** Number of conditions of all alerts, which Google charges for. */
export function alertConditions(): number {
  const files = filesIn('alerts').map((file) => readFileSync(join(ROOT, FOLDER, 'alerts', file), 'utf8'));
  return files.flatMap((text) => (JSON.parse(text) as { conditions: readonly unknown[] }).conditions).length;
}

function filesIn(kind: string): readonly string[] {
  return readdirSync(join(ROOT, FOLDER, kind)).toSorted();
}

interface Channel {
  readonly name: string;
  readonly displayName?: string;
}

/** The e-mail channel of alerts; without an address they only show in the console. */
function channelItems(installation: InstallationSpec): readonly Item[] {
  const { alertEmail, prefix } = installation;
  const gcloud = new Gcloud(installation);
  const channels = ['beta', 'monitoring', 'channels'];
  const title = `${prefix}gemini-callbacks ${alertEmail}`;
  const list = [...channels, 'list', `--filter=displayName="${title}"`];
  const create = [...channels, 'create', '--type=email', `--display-name=${title}`];
  const removal: Resource = {
    kind: 'resource',
    title: 'e-mail of alerts',
    read: gcloud.read(...channels, 'list'),
    differences: () => [],
    remove: (found: readonly Channel[]) =>
      found
        .filter(({ displayName }) => displayName?.startsWith(`${prefix}gemini-callbacks `))
        .map(({ name }) => gcloud.run(...channels, 'delete', name, '--force')),
  };
  if (alertEmail === undefined) return [removal, variable('ALERT_CHANNEL', '')];
  return [
    removal,
    {
      kind: 'resource',
      title: `e-mail to ${alertEmail}`,
      read: gcloud.read(...list),
      differences: (found: readonly Channel[]) => (found.length > 0 ? [] : ['missing']),
      create: [gcloud.run(...create, `--channel-labels=email_address=${alertEmail}`)],
    },
    { kind: 'variable', name: 'ALERT_CHANNEL', value: { read: gcloud.value('name', ...list) } },
  ];
}

/** A file with the installation's names, on the standard input of gcloud. */
interface Template {
  readonly definition: string;
  readonly displayName: string;
  readonly fill: Line;
}

function templateOf({ prefix, alertEmail = '' }: InstallationSpec, path: string): Template {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const definition = digestOf(prefix, alertEmail, text);
  const { displayName = '' } = JSON.parse(text) as { displayName?: string };
  return {
    definition,
    displayName: displayName.replace('@PREFIX@', prefix),
    fill: line('sed', `s/@PREFIX@/${prefix}/g; s/@DEFINITION@/${definition}/g`, path),
  };
}

const OLDER = 'settings of an older version';

function metricOf(installation: InstallationSpec, file: string): Resource {
  const gcloud = new Gcloud(installation);
  const { definition, fill } = templateOf(installation, `${FOLDER}/metrics/${file}`);
  const name = `${installation.prefix}gemini-callbacks-${file.replace('.json', '')}`;
  const run = (verb: string, ...flags: readonly string[]) => gcloud.run('logging', 'metrics', verb, name, ...flags);
  const from = (verb: string) => `${fill} | ${run(verb, '--config-from-file=-')}`;
  return {
    kind: 'resource',
    title: `metric ${name}`,
    read: gcloud.read('logging', 'metrics', 'describe', name),
    differences: ({ description = '' }: { description?: string }) => (description.includes(definition) ? [] : [OLDER]),
    create: [from('create')],
    update: () => [from('update')],
    remove: () => [run('delete')],
  };
}

/** Replaces the list of channels, where there is one. */
const FILL_CHANNELS = line('sed', 's|"@CHANNELS@"|[${ALERT_CHANNEL:+"${ALERT_CHANNEL}"}]|');

interface Named {
  readonly name: string;
  readonly userLabels?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Alerts and dashboards have ids chosen by Google, so they are found by their display names. */
function namedResource(
  title: string,
  read: Line,
  isCurrent: (found: Named) => boolean,
  lines: Required<Pick<Resource, 'create'>> & {
    update: (found: Named) => readonly Line[];
    remove: (name: string) => Line;
  },
): Resource {
  const { create, update, remove } = lines;
  return {
    kind: 'resource',
    title,
    read,
    differences: ([found]: readonly Named[]) => {
      if (found === undefined) return ['missing'];
      return isCurrent(found) ? [] : [OLDER];
    },
    create,
    update: (found: readonly Named[]) => (found.length === 0 ? create : found.flatMap(update)),
    remove: (found: readonly Named[]) => found.map(({ name }) => remove(name)),
  };
}

function alertOf(installation: InstallationSpec, file: string): Resource {
  const gcloud = new Gcloud(installation);
  const { definition, displayName, fill } = templateOf(installation, `${FOLDER}/alerts/${file}`);
  const policies = ['alpha', 'monitoring', 'policies'];
  const from = (...words: readonly string[]) =>
    [fill, FILL_CHANNELS, gcloud.run(...policies, ...words, '--policy-from-file=-')].join(' | ');
  return namedResource(
    `alert "${displayName}"`,
    gcloud.read(...policies, 'list', `--filter=displayName="${displayName}"`),
    ({ userLabels }) => userLabels?.[LABEL] === definition,
    {
      create: [from('create')],
      update: ({ name }) => [from('update', name)],
      remove: (name) => gcloud.run(...policies, 'delete', name),
    },
  );
}

export function dashboardList(installation: InstallationSpec): Line {
  const { displayName } = templateOf(installation, `${FOLDER}/dashboard.json`);
  return new Gcloud(installation).read('monitoring', 'dashboards', 'list', `--filter=displayName="${displayName}"`);
}

/** A changed dashboard is replaced: it holds no data. */
function dashboardOf(installation: InstallationSpec): Resource {
  const gcloud = new Gcloud(installation);
  const { definition, displayName, fill } = templateOf(installation, `${FOLDER}/dashboard.json`);
  const dashboards = ['monitoring', 'dashboards'];
  const create = `${fill} | ${gcloud.run(...dashboards, 'create', '--config-from-file=-')}`;
  const remove = (name: string) => gcloud.run(...dashboards, 'delete', name);
  return namedResource(
    `dashboard "${displayName}"`,
    dashboardList(installation),
    ({ labels }) => labels?.[`definition-${definition}`] !== undefined,
    { create: [create], update: ({ name }) => [remove(name), create], remove },
  );
}
