import { SUBSCRIBABLE } from '../../doctor/callback.ts';
import type { Installation } from '../installation.ts';
import { type Item, line, type Step, type Variable } from '../plan.ts';
import { urlOf } from './functions.ts';

const cli = (...words: readonly string[]) => line('npm', 'run', '-s', 'cli', '--', ...words);

interface Webhooks {
  readonly webhooks: readonly {
    readonly id: string;
    readonly uri: string;
    readonly state?: string;
    readonly subscribed_events: readonly string[];
  }[];
}

/** The webhook at Gemini for all jobs of the project; its signing secret goes where geminiCallback reads it. */
export function registration(installation: Installation): Step {
  const events = `--events=${SUBSCRIBABLE.join(',')}`;
  const ours = ({ webhooks }: Webhooks, callbackUrl = '') => webhooks.find(({ uri }) => uri === callbackUrl);
  const secret = `--secret=${installation.secrets.signing}`;
  const create = [cli('webhooks', 'create', '--uri=${CALLBACK_URL}', events, secret)];
  return {
    name: 'webhook',
    title: 'The webhook at Gemini',
    items: [
      urlOf(installation, 'CALLBACK_URL', installation.functions.geminiCallback),
      { ...valueOf(installation, 'GEMINI_API_KEY', installation.secrets.apiKey), unlessSet: true },
      {
        kind: 'resource',
        title: 'webhook for all jobs of the API key’s project',
        read: cli('--json', 'webhooks', 'list'),
        isCurrent: (found: Webhooks, { CALLBACK_URL }) => {
          const known = ours(found, CALLBACK_URL);
          return known?.state === 'enabled' && SUBSCRIBABLE.every((type) => known.subscribed_events.includes(type));
        },
        create,
        update: (found: Webhooks, { CALLBACK_URL }) => {
          const known = ours(found, CALLBACK_URL);
          return known === undefined ? create : [cli('webhooks', 'update', known.id, events, '--enable')];
        },
        remove: (found: Webhooks, { CALLBACK_URL }) => {
          const known = ours(found, CALLBACK_URL);
          return known === undefined ? [] : [cli('webhooks', 'delete', known.id)];
        },
      },
    ],
  };
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
