import type { InstallationSpec } from '../installation.ts';
import { line } from '../line.ts';
import type { Resource } from '../plan.ts';
import { labelled, present } from '../resource.ts';

/** Prints random text by Node.js, so that it never appears on a command line. */
const random = (expression: string) => line('node', '--print', `const {randomBytes}=require('crypto');${expression}`);

const ROUTE_KEY = random("randomBytes(32).toString('hex')");

/**
 * A service that mounts a secret needs a version of it, and Gemini creates the signing secret only with the webhook,
 * which needs the service's URL. Until then the secret holds a random value that is known to no one.
 */
const PLACEHOLDER = random("'whsec_'+randomBytes(32).toString('base64')");

const GIVEN = `printf %s "\${GEMINI_API_KEY:?is not set}"`;

/** Returns the three secrets. Existing values stay: `webhooks rotate` replaces them. */
export function secrets(installation: InstallationSpec): readonly (readonly Resource[])[] {
  const { signing, routeKey, apiKey } = installation.secrets;
  return [
    secretOf(installation, signing, PLACEHOLDER),
    secretOf(installation, routeKey, ROUTE_KEY),
    secretOf(installation, apiKey, GIVEN),
  ];
}

/** Describes a secret and its value. A secret that existed before is used as it is. */
function secretOf(installation: InstallationSpec, name: string, value: string): readonly Resource[] {
  const { gcloud } = installation;
  const secret = labelled(installation, {
    title: `secret ${name}`,
    group: ['secrets'],
    name,
    fixed: ['--replication-policy=automatic'],
    mayBeForeign: true,
    more: { keptUnless: '--with-data' },
  });
  const version = present(
    `value of secret ${name}`,
    gcloud.read('secrets', 'versions', 'list', name, '--filter=state=ENABLED'),
    (versions: readonly unknown[]) => versions.length > 0,
    `${value} | ${gcloud.run('secrets', 'versions', 'add', name, '--data-file=-')}`,
  );
  return [secret, version];
}
