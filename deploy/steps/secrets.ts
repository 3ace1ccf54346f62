import type { InstallationSpec } from '../installation.ts';
import { Gcloud, line } from '../line.ts';
import { labelled, type Resource, type Step } from '../plan.ts';

/** Prints random text by Node.js, so that it never appears on a command line. */
const random = (expression: string) => line('node', '--print', `const {randomBytes}=require('crypto');${expression}`);

const ROUTE_KEY = random("randomBytes(32).toString('hex')");

/**
 * A service that mounts a secret needs a version of it, and Gemini creates the signing secret only with the webhook,
 * which needs the service's URL. Until then the secret holds a random value that is known to no one.
 */
const PLACEHOLDER = random("'whsec_'+randomBytes(32).toString('base64')");

/** The three secrets. Existing values stay: `webhooks rotate` replaces them. */
export function secrets(installation: InstallationSpec): Step {
  const { signing, routeKey, apiKey } = installation.secrets;
  const given = `printf %s "\${GEMINI_API_KEY:?is not set}"`;
  return {
    name: 'secrets',
    title: 'Secrets',
    needs: ['project'],
    chains: [
      secretOf(installation, signing, PLACEHOLDER),
      secretOf(installation, routeKey, ROUTE_KEY),
      secretOf(installation, apiKey, given),
    ],
  };
}

/** Describes a secret and its value. A secret that existed before is used as it is. */
function secretOf(installation: InstallationSpec, name: string, value: string): readonly Resource[] {
  const gcloud = new Gcloud(installation);
  const secret = labelled(installation, {
    title: `secret ${name}`,
    group: ['secrets'],
    name,
    fixed: ['--replication-policy=automatic'],
    mayBeForeign: true,
    more: { keptUnless: '--with-data' },
  });
  const version: Resource = {
    kind: 'resource',
    title: `value of secret ${name}`,
    read: gcloud.read('secrets', 'versions', 'list', name, '--filter=state=ENABLED'),
    differences: (versions: readonly unknown[]) => (versions.length > 0 ? [] : ['missing']),
    create: [`${value} | ${gcloud.run('secrets', 'versions', 'add', name, '--data-file=-')}`],
  };
  return [secret, version];
}
