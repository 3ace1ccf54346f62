import { Gcloud } from '../gcloud.ts';
import type { Installation } from '../installation.ts';
import { definitionOf, LABEL, labelled, line, type Resource, type Step } from '../plan.ts';

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
      ...secretOf(installation, signing, UNKNOWN_SIGNING_SECRET),
      ...secretOf(installation, routeKey, ROUTE_KEY),
      ...secretOf(installation, apiKey, `printf %s "\${GEMINI_API_KEY:?must be set: a key from aistudio.google.com}"`),
    ],
  };
}

/** The secret, and a value in it. One that was there before is used as it is. */
function secretOf(installation: Installation, name: string, value: string): readonly Resource[] {
  const gcloud = new Gcloud(installation);
  const replication = '--replication-policy=automatic';
  const definition = definitionOf(replication);
  const secret = labelled(`secret ${name}`, definition, {
    read: gcloud.read('secrets', 'describe', name),
    create: gcloud.run('secrets', 'create', name, replication, `--labels=${LABEL}=${definition}`),
    update: gcloud.run('secrets', 'update', name, `--update-labels=${LABEL}=${definition}`),
    remove: gcloud.run('secrets', 'delete', name),
    mayBeForeign: true,
    staysUnless: '--with-data',
  });
  const version: Resource = {
    kind: 'resource',
    title: `value of secret ${name}`,
    read: gcloud.read('secrets', 'versions', 'list', name, '--filter=state=ENABLED'),
    isCurrent: (versions: readonly unknown[]) => versions.length > 0,
    create: [`${value} | ${gcloud.run('secrets', 'versions', 'add', name, '--data-file=-')}`],
  };
  return [secret, version];
}
