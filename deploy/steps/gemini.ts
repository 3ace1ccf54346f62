import { splitSecrets } from '../../functions/config/environment.ts';
import { SUBSCRIBABLE_TYPES } from '../../functions/model/eventTypes.ts';
import type { Webhook } from '../../cli/webhooks/administration.ts';
import { canVerify } from '../../cli/webhooks/ownership.ts';
import type { Installation } from '../installation.ts';
import { type Item, line, type Step, type Variable, type Variables } from '../plan.ts';
import { urlOf } from './functions.ts';

const cli = (...words: readonly string[]) => line('npm', 'run', '-s', 'cli', '--', ...words);

interface Found {
  readonly webhooks: readonly Webhook[];
}

/**
 * The webhook at Gemini for all jobs of the project; its signing secret goes where geminiCallback reads it. Where that
 * went wrong the webhook is there, and signs with a secret that nobody has: it gets a new one.
 */
export function registration(installation: Installation): Step {
  const events = `--events=${SUBSCRIBABLE_TYPES.join(',')}`;
  const secret = `--secret=${installation.secrets.signing}`;
  const create = [cli('webhooks', 'create', '--uri=${CALLBACK_URL}', events, secret)];
  const ours = ({ webhooks }: Found, { CALLBACK_URL }: Variables) => webhooks.filter(({ uri }) => uri === CALLBACK_URL);
  const linesFor = (found: Found, variables: Variables) => {
    const known = ours(found, variables);
    if (known.length === 0) return create;
    const stored = splitSecrets(variables['STORED_SECRETS'] ?? '');
    const unsubscribed = known.filter((webhook) => !isSubscribed(webhook));
    const unverified = known.filter((webhook) => !canVerify(stored, webhook));
    return [
      ...unsubscribed.map(({ id }) => cli('webhooks', 'update', id, events, '--enable', '--yes')),
      ...unverified.map(({ id }) => cli('webhooks', 'rotate', id, secret, '--yes')),
    ];
  };
  return {
    name: 'webhook',
    title: 'The webhook at Gemini',
    items: [
      urlOf(installation, 'CALLBACK_URL', installation.functions.geminiCallback),
      { ...valueOf(installation, 'GEMINI_API_KEY', installation.secrets.apiKey), unlessSet: true },
      { ...valueOf(installation, 'STORED_SECRETS', installation.secrets.signing), isCompared: true },
      {
        kind: 'resource',
        title: 'webhook for all jobs of the API key’s project',
        read: cli('--json', 'webhooks', 'list'),
        isCurrent: (found: Found, variables) => linesFor(found, variables).length === 0,
        create,
        update: linesFor,
        remove: (found: Found, variables) =>
          ours(found, variables).map(({ id }) => cli('webhooks', 'delete', id, '--yes')),
        knownBy: 'CALLBACK_URL',
      },
    ],
  };
}

function isSubscribed({ state, subscribed_events: events }: Webhook): boolean {
  return state === 'enabled' && SUBSCRIBABLE_TYPES.every((type) => events.includes(type));
}

/** Everything that fails in silence, looked at once more. */
export function doctor(installation: Installation): Step {
  const { secrets, topics, database, functions } = installation;
  const settings = {
    FIRESTORE_DATABASE: database,
    EVENTS_TOPIC: topics.events,
    RESULTS_TOPIC: topics.results,
    DEAD_LETTER_TOPIC: topics.deadLetter,
  };
  return {
    name: 'doctor',
    title: 'The doctor',
    items: [
      urlOf(installation, 'CALLBACK_URL', functions.geminiCallback),
      { ...valueOf(installation, 'GEMINI_API_KEY', installation.secrets.apiKey), unlessSet: true },
      valueOf(installation, 'WEBHOOK_SIGNING_SECRET', secrets.signing),
      valueOf(installation, 'DYNAMIC_ROUTE_KEY', secrets.routeKey),
      ...Object.entries(settings).map(([name, fixed]): Item => ({ kind: 'variable', name, value: { fixed } })),
      { kind: 'task', title: 'everything that fails in silence', line: cli('doctor') },
    ],
  };
}

function valueOf({ project }: Installation, name: string, secret: string): Variable {
  const place = [`--secret=${secret}`, `--project=${project}`];
  return {
    kind: 'variable',
    name,
    value: { read: line('gcloud', 'secrets', 'versions', 'access', 'latest', ...place) },
  };
}
