import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InstallationSpec } from '../installation.ts';
import { Gcloud } from '../line.ts';
import { labelled, type Resource, type Step } from '../plan.ts';
import { ROOT } from '../shell.ts';

/** Deletes images after 30 days, but never one of the last ten. */
const CLEANUP_FILE = 'deploy/cleanup.json';

/** The repository of the one image that all four services run. */
export function repository(installation: InstallationSpec): Step {
  const { repository: name, region } = installation;
  const group = ['artifacts', 'repositories'];
  const place = [`--location=${region}`];
  const gcloud = new Gcloud(installation);
  const policies = JSON.parse(readFileSync(join(ROOT, CLEANUP_FILE), 'utf8')) as readonly { readonly name: string }[];
  const images = labelled(installation, {
    title: `repository ${name}`,
    group,
    name,
    place,
    fixed: ['--repository-format=docker'],
    flags: ['--description=Images of gemini-callbacks'],
  });
  const cleanup: Resource = {
    kind: 'resource',
    title: `clean-up policy of repository ${name}`,
    read: gcloud.read(...group, 'describe', name, ...place),
    differences: ({ cleanupPolicies = {} }: { cleanupPolicies?: Readonly<Record<string, unknown>> }) =>
      policies.flatMap((policy) => (policy.name in cleanupPolicies ? [] : `policy ${policy.name} is missing`)),
    create: [gcloud.run(...group, 'set-cleanup-policies', name, ...place, `--policy=${CLEANUP_FILE}`, '--no-dry-run')],
  };
  return {
    name: 'repository',
    title: 'Image repository',
    needs: ['project'],
    chains: [[images, cleanup], [uploadsOf(installation)]],
  };
}

/** Describes the source archives that builds leave behind, in a bucket that all services of the region share. */
function uploadsOf(installation: InstallationSpec): Resource {
  const gcloud = new Gcloud(installation);
  const url = `gs://${installation.sourceBucket}/services/${installation.services.geminiCallback}`;
  return {
    kind: 'resource',
    title: `source archives in ${url}`,
    read: gcloud.read('storage', 'objects', 'list', `${url}/**`, '--limit=1'),
    differences: () => [],
    remove: (found: readonly unknown[]) => (found.length > 0 ? [gcloud.run('storage', 'rm', '--recursive', url)] : []),
  };
}
