import type { InstallationSpec } from '../installation.ts';
import { fixed, type Item } from '../plan.ts';
import { callbackUrl } from './publicAccess.ts';
import { cli, secretValue } from './webhook.ts';

/** Returns a last check of everything that fails silently, after the values that it needs. */
export function doctor(installation: InstallationSpec): readonly Item[] {
  const { secrets, topics, database } = installation;
  return [
    callbackUrl(installation),
    secretValue(installation, 'GEMINI_API_KEY', secrets.apiKey, { unlessSet: true }),
    secretValue(installation, 'WEBHOOK_SIGNING_SECRET', secrets.signing),
    secretValue(installation, 'DYNAMIC_ROUTE_KEY', secrets.routeKey),
    fixed('FIRESTORE_DATABASE', database),
    fixed('EVENTS_TOPIC', topics.events),
    fixed('RESULTS_TOPIC', topics.results),
    fixed('DEAD_LETTER_TOPIC', topics.deadLetter),
    { kind: 'task', title: 'check of everything that fails silently', line: cli('doctor') },
  ];
}
