import { splitSecrets } from '../../functions/config/environment.ts';
import { SUBSCRIBABLE_TYPES } from '../../functions/model/eventTypes.ts';
import type { Webhook } from '../../cli/webhooks/administration.ts';
import { canVerify } from '../../cli/webhooks/ownership.ts';
import type { InstallationSpec } from '../installation.ts';
import { line, type Variables } from '../line.ts';
import { type Resource, type Step, variable, type Variable } from '../plan.ts';
import { callbackUrl } from './services.ts';

const cli = (...words: readonly string[]) => line('npm', 'run', '-s', 'cli', '--', ...words);

interface ListedWebhooks {
  readonly webhooks: readonly Webhook[];
}

/** The webhook at Gemini for all jobs of the API key's project. */
export function registration(installation: InstallationSpec): Step {
  return {
    name: 'webhook',
    title: 'Webhook at Gemini',
    needs: ['secrets', 'public'],
    chains: [
      [
        callbackUrl(installation),
        secretValue(installation, 'GEMINI_API_KEY', installation.secrets.apiKey, { unlessSet: true }),
        secretValue(installation, 'STORED_SECRETS', installation.secrets.signing, { isCompared: true }),
        webhookOf(installation),
      ],
    ],
  };
}

/** A webhook that signs with a secret which is not stored gets a new one: an earlier run stopped between the two. */
function webhookOf(installation: InstallationSpec): Resource {
  const events = `--events=${SUBSCRIBABLE_TYPES.join(',')}`;
  const secret = `--secret=${installation.secrets.signing}`;
  const registered = ({ webhooks }: ListedWebhooks, { CALLBACK_URL }: Variables) =>
    webhooks.filter(({ uri }) => uri === CALLBACK_URL);
  const create = [cli('webhooks', 'create', '--uri=${CALLBACK_URL}', events, secret)];
  return {
    kind: 'resource',
    title: 'webhook for all jobs of the API key’s project',
    read: cli('--json', 'webhooks', 'list'),
    differences: (found: ListedWebhooks, variables) => {
      const webhooks = registered(found, variables);
      if (webhooks.length === 0) return ['missing'];
      const [deaf, foreign] = problems(webhooks, variables);
      return [
        ...deaf.map(({ id }) => `${id} is disabled or lacks events`),
        ...foreign.map(({ id }) => `${id} signs with a secret that is not stored`),
      ];
    },
    create,
    update: (found: ListedWebhooks, variables) => {
      const webhooks = registered(found, variables);
      if (webhooks.length === 0) return create;
      const [deaf, foreign] = problems(webhooks, variables);
      return [
        ...deaf.map(({ id }) => cli('webhooks', 'update', id, events, '--enable', '--yes')),
        ...foreign.map(({ id }) => cli('webhooks', 'rotate', id, secret, '--yes')),
      ];
    },
    remove: (found: ListedWebhooks, variables) =>
      registered(found, variables).map(({ id }) => cli('webhooks', 'delete', id, '--yes')),
  };
}

/** Returns webhooks that lack events, and webhooks whose deliveries no stored secret verifies. */
function problems(webhooks: readonly Webhook[], variables: Variables) {
  const stored = splitSecrets(variables['STORED_SECRETS'] ?? '');
  return [
    webhooks.filter((webhook) => !isSubscribed(webhook)),
    webhooks.filter((webhook) => !canVerify(stored, webhook)),
  ] as const;
}

function isSubscribed({ state, subscribed_events: events }: Webhook): boolean {
  return state === 'enabled' && SUBSCRIBABLE_TYPES.every((type) => events.includes(type));
}

/** A last check of everything that fails silently. */
export function doctor(installation: InstallationSpec): Step {
  const { secrets, topics, database } = installation;
  return {
    name: 'doctor',
    title: 'Doctor',
    needs: ['webhook', 'trigger', 'scheduler', 'indexes', 'monitoring'],
    chains: [
      [
        callbackUrl(installation),
        secretValue(installation, 'GEMINI_API_KEY', secrets.apiKey, { unlessSet: true }),
        secretValue(installation, 'WEBHOOK_SIGNING_SECRET', secrets.signing),
        secretValue(installation, 'DYNAMIC_ROUTE_KEY', secrets.routeKey),
        variable('FIRESTORE_DATABASE', database),
        variable('EVENTS_TOPIC', topics.events),
        variable('RESULTS_TOPIC', topics.results),
        variable('DEAD_LETTER_TOPIC', topics.deadLetter),
        { kind: 'task', title: 'check of everything that fails silently', line: cli('doctor') },
      ],
    ],
  };
}

function secretValue(
  { project }: InstallationSpec,
  name: string,
  secret: string,
  options: Partial<Variable> = {},
): Variable {
  const read = line('gcloud', 'secrets', 'versions', 'access', 'latest', `--secret=${secret}`, `--project=${project}`);
  return { kind: 'variable', name, value: { read }, ...options };
}
