import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InstallationSpec } from '../installation.ts';
import type { Resource } from '../plan.ts';
import { labelled, leftover } from '../resource.ts';
import { ROOT } from '../shell.ts';

/** Deletes images after 30 days, but never one of the last ten. */
const CLEANUP_FILE = 'deploy/cleanup.json';

/** Returns the repository of the one image that all four services run, and the sources that it was built from. */
export function repository(installation: InstallationSpec): readonly (readonly Resource[])[] {
  const { gcloud, repository: name, region, sourceBucket, services } = installation;
  const group = ['artifacts', 'repositories'];
  const place = [`--location=${region}`];
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
  // All services of the region share the bucket.
  const archives = `gs://${sourceBucket}/services/${services.geminiCallback}`;
  const sources = leftover(
    `source archives in ${archives}`,
    gcloud.read('storage', 'objects', 'list', `${archives}/**`, '--limit=1'),
    (found: readonly unknown[]) => (found.length > 0 ? [gcloud.run('storage', 'rm', '--recursive', archives)] : []),
  );
  return [[images, cleanup], [sources]];
}
