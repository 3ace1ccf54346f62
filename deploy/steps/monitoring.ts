import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InstallationSpec } from '../installation.ts';
import { digestOf, type Line, line } from '../line.ts';
import { fixed, type Item, readBy, type Resource } from '../plan.ts';
import { LABEL, leftover, MISSING, OLDER, present } from '../resource.ts';
import { ROOT } from '../shell.ts';

const FOLDER = 'deploy/monitoring';

/** Log-based metrics. */
export function metrics(installation: InstallationSpec): readonly Resource[] {
  return filesIn('metrics').map((file) => metric(installation, file));
}

/** Alerts on everything that means loss, and a dashboard. */
export function monitoring(installation: InstallationSpec): readonly (readonly Item[])[] {
  const alerts = filesIn('alerts').map((file) => alert(installation, file));
  return [[...alertChannel(installation), ...alerts], [dashboard(installation)]];
}

/** Number of conditions of all alerts, which Google charges for. */
export function alertConditions(): number {
  const files = filesIn('alerts').map((file) => readFileSync(join(ROOT, FOLDER, 'alerts', file), 'utf8'));
  return files.flatMap((text) => (JSON.parse(text) as { conditions: readonly unknown[] }).conditions).length;
}

function filesIn(kind: 'metrics' | 'alerts'): readonly string[] {
  return readdirSync(join(ROOT, FOLDER, kind)).toSorted();
}

interface FoundChannel {
  readonly name: string;
  readonly displayName?: string;
}

/** The e-mail channel of alerts; without an address they only show in the console. */
function alertChannel({ gcloud, alertEmail, prefix }: InstallationSpec): readonly Item[] {
  const channels = ['beta', 'monitoring', 'channels'];
  const title = `${prefix}gemini-callbacks ${alertEmail}`;
  const list = [...channels, 'list', `--filter=displayName="${title}"`];
  const create = [...channels, 'create', '--type=email', `--display-name=${title}`];
  const former = leftover('e-mail of alerts', gcloud.read(...channels, 'list'), (found: readonly FoundChannel[]) =>
    found
      .filter(({ displayName }) => displayName?.startsWith(`${prefix}gemini-callbacks `))
      .map(({ name }) => gcloud.run(...channels, 'delete', name, '--force')),
  );
  if (alertEmail === undefined) return [former, fixed('ALERT_CHANNEL', '')];
  return [
    former,
    present(
      `e-mail to ${alertEmail}`,
      gcloud.read(...list),
      (found: readonly FoundChannel[]) => found.length > 0,
      gcloud.run(...create, `--channel-labels=email_address=${alertEmail}`),
    ),
    readBy('ALERT_CHANNEL', gcloud.value('name', ...list)),
  ];
}

/** Fills the installation's names into a file and writes it to the standard input of gcloud. */
function templateOf({ prefix, alertEmail = '' }: InstallationSpec, file: string) {
  const path = `${FOLDER}/${file}`;
  const text = readFileSync(join(ROOT, path), 'utf8');
  const definition = digestOf(prefix, alertEmail, text);
  const { displayName = '' } = JSON.parse(text) as { displayName?: string };
  return {
    definition,
    displayName: displayName.replace('@PREFIX@', prefix),
    fill: line('sed', `s/@PREFIX@/${prefix}/g; s/@DEFINITION@/${definition}/g`, path),
  };
}

function metric(installation: InstallationSpec, file: string): Resource {
  const { gcloud, prefix } = installation;
  const { definition, fill } = templateOf(installation, `metrics/${file}`);
  const name = `${prefix}gemini-callbacks-${file.replace('.json', '')}`;
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

function alert(installation: InstallationSpec, file: string): Resource {
  return namedResource(installation, `alerts/${file}`, {
    kind: 'alert',
    group: ['alpha', 'monitoring', 'policies'],
    from: [FILL_CHANNELS],
    flag: '--policy-from-file=-',
    isCurrent: ({ userLabels }, definition) => userLabels?.[LABEL] === definition,
  });
}

/** A changed dashboard is replaced: it holds no data. */
export function dashboard(installation: InstallationSpec): Resource {
  return namedResource(installation, 'dashboard.json', {
    kind: 'dashboard',
    group: ['monitoring', 'dashboards'],
    flag: '--config-from-file=-',
    isCurrent: ({ labels }, definition) => labels?.[`definition-${definition}`] !== undefined,
    isReplaced: true,
  });
}

interface Found {
  readonly name: string;
  readonly userLabels?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

interface Named {
  readonly kind: 'alert' | 'dashboard';
  readonly group: readonly string[];
  /** Lines that change the file on its way to gcloud. */
  readonly from?: readonly Line[];
  /** Has gcloud read standard input. */
  readonly flag: string;
  readonly isCurrent: (found: Found, definition: string) => boolean;
  /** Replaces a resource that differs, instead of updating it. */
  readonly isReplaced?: true;
}

/** Describes a resource by a file. Google chooses its id, so it is found by its display name. */
function namedResource(installation: InstallationSpec, file: string, named: Named): Resource {
  const { gcloud } = installation;
  const { kind, group, from = [], flag, isCurrent, isReplaced } = named;
  const { definition, displayName, fill } = templateOf(installation, file);
  const run = (...words: readonly string[]) => [fill, ...from, gcloud.run(...group, ...words, flag)].join(' | ');
  const create = run('create');
  const remove = ({ name }: Found) => gcloud.run(...group, 'delete', name);
  return {
    kind: 'resource',
    title: `${kind} "${displayName}"`,
    read: gcloud.read(...group, 'list', `--filter=displayName="${displayName}"`),
    differences: ([found]: readonly Found[]) => {
      if (found === undefined) return [MISSING];
      return isCurrent(found, definition) ? [] : [OLDER];
    },
    create: [create],
    update: (found: readonly Found[]) =>
      found.flatMap((each) => (isReplaced ? [remove(each), create] : [run('update', each.name)])),
    remove: (found: readonly Found[]) => found.map(remove),
  };
}
