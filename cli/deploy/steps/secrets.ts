import { Gcloud } from '../gcloud.ts';
import type { Installation } from '../installation.ts';
import { line, type Resource, type Step } from '../plan.ts';

/** Random text by the Node.js that is here anyway; it never shows on a command line. */
const random = (expression: string) => line('node', '--print', `const {randomBytes}=require('crypto');${expression}`);

/**
 * A secret must have a version when a function that mounts it is deployed. Gemini makes the signing secret when the
 * webhook is registered, and for that the function's URL must be there: until then a random one that nobody knows.
 */
const ROUTE_KEY = random("randomBytes(32).toString('hex')");
const UNKNOWN_SIGNING_SECRET = random("'whsec_'+randomBytes(32).toString('base64')");

/** The three secrets. What is there is left alone: rotations are done by the command line. */
export function secrets(installation: Installation): Step {
  const { signing, routeKey, apiKey } = installation.secrets;
  return {
    name: 'secrets',
    title: 'Secrets',
    items: [
      secretOf(installation, signing, UNKNOWN_SIGNING_SECRET),
      secretOf(installation, routeKey, ROUTE_KEY),
      secretOf(installation, apiKey, `printf %s "\${GEMINI_API_KEY:?must be set: a key from aistudio.google.com}"`),
    ],
  };
}

function secretOf(installation: Installation, name: string, value: string): Resource {
  const gcloud = new Gcloud(installation);
  const add = `${value} | ${gcloud.run('secrets', 'versions', 'add', name, '--data-file=-')}`;
  return {
    kind: 'resource',
    title: `secret ${name}`,
    read: gcloud.read('secrets', 'versions', 'list', name, '--filter=state=ENABLED'),
    isCurrent: (versions: readonly unknown[]) => versions.length > 0,
    create: [gcloud.run('secrets', 'create', name, '--replication-policy=automatic'), add],
    update: () => [add],
    remove: () => [gcloud.run('secrets', 'delete', name)],
    holdsData: true,
  };
}
