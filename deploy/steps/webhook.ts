import { splitSecrets } from '../../functions/config/environment.ts';
import { SUBSCRIBABLE_TYPES } from '../../functions/model/eventTypes.ts';
import type { Webhook } from '../../cli/webhooks/administration.ts';
import { canVerify } from '../../cli/webhooks/ownership.ts';
import type { InstallationSpec } from '../installation.ts';
import { line, type Variables } from '../line.ts';
import { type Item, readBy, type Resource, type ShellVariable } from '../plan.ts';
import { MISSING } from '../resource.ts';
import { callbackUrl } from './publicAccess.ts';

export const cli = (...words: readonly string[]) => line('npm', 'run', '-s', 'cli', '--', ...words);

/** Returns the webhook at Gemini for all jobs of the API key's project, after the values that it needs. */
export function webhook(installation: InstallationSpec): readonly Item[] {
  const { secrets } = installation;
  return [
    callbackUrl(installation),
    secretValue(installation, 'GEMINI_API_KEY', secrets.apiKey, { unlessSet: true }),
    secretValue(installation, 'STORED_SECRETS', secrets.signing, { isCompared: true }),
    staticWebhook(secrets.signing),
  ];
}

interface ListedWebhooks {
  readonly webhooks: readonly Webhook[];
}

/** A webhook that signs with a secret which is not stored gets a new one: an earlier run stopped between the two. */
function staticWebhook(signingSecret: string): Resource {
  const events = `--events=${SUBSCRIBABLE_TYPES.join(',')}`;
  const secret = `--secret=${signingSecret}`;
  const registered = ({ webhooks }: ListedWebhooks, { CALLBACK_URL }: Variables) =>
    webhooks.filter(({ uri }) => uri === CALLBACK_URL);
  const create = cli('webhooks', 'create', '--uri=${CALLBACK_URL}', events, secret);
  /** Returns each problem with the line that fixes it. */
  const problems = (found: ListedWebhooks, variables: Variables) => {
    const webhooks = registered(found, variables);
    if (webhooks.length === 0) return [{ text: MISSING, fix: create }];
    const stored = splitSecrets(variables['STORED_SECRETS'] ?? '');
    const deaf = webhooks.filter((each) => !isSubscribed(each));
    const foreign = webhooks.filter((each) => !canVerify(stored, each));
    return [
      ...deaf.map(({ id }) => ({
        text: `${id} is disabled or lacks events`,
        fix: cli('webhooks', 'update', id, events, '--enable', '--yes'),
      })),
      ...foreign.map(({ id }) => ({
        text: `${id} signs with a secret that is not stored`,
        fix: cli('webhooks', 'rotate', id, secret, '--yes'),
      })),
    ];
  };
  return {
    kind: 'resource',
    title: 'webhook for all jobs of the API key’s project',
    read: cli('--json', 'webhooks', 'list'),
    differences: (found: ListedWebhooks, variables) => problems(found, variables).map(({ text }) => text),
    create: [create],
    update: (found: ListedWebhooks, variables) => problems(found, variables).map(({ fix }) => fix),
    remove: (found: ListedWebhooks, variables) =>
      registered(found, variables).map(({ id }) => cli('webhooks', 'delete', id, '--yes')),
  };
}

function isSubscribed({ state, subscribed_events: events }: Webhook): boolean {
  return state === 'enabled' && SUBSCRIBABLE_TYPES.every((type) => events.includes(type));
}

/** A variable that holds the content of a secret. */
export function secretValue(
  { project }: InstallationSpec,
  name: string,
  secret: string,
  options: Partial<ShellVariable> = {},
): ShellVariable {
  const read = line('gcloud', 'secrets', 'versions', 'access', 'latest', `--secret=${secret}`, `--project=${project}`);
  return readBy(name, read, options);
}
