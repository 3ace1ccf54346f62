import { grant } from '../binding.ts';
import type { InstallationSpec } from '../installation.ts';
import { digestOf } from '../line.ts';
import type { Resource } from '../plan.ts';
import { isLabelled, LABEL, leftover, OLDER } from '../resource.ts';

/** A bucket's labels name its installation, because only one deployment's options name the bucket. */
const OWNER_LABEL = `${LABEL}-of`;

/** Returns the bucket for results with the role on it, and the buckets that earlier deployments created. */
export function bucketAccess(installation: InstallationSpec): readonly (readonly Resource[])[] {
  const { gcloud, prefix, bucket, region } = installation;
  const owner = prefix || 'no-prefix';
  const former = leftover(
    'buckets for results',
    gcloud.read('storage', 'buckets', 'list', `--filter=labels.${OWNER_LABEL}=${owner}`),
    (found: readonly { name: string }[]) =>
      found.map(({ name }) => gcloud.run('storage', 'rm', '--recursive', `gs://${name}`)),
    { keptUnless: '--with-data' },
  );
  if (bucket === undefined) return [[former]];
  const url = `gs://${bucket}`;
  const flags = ['--uniform-bucket-level-access', '--public-access-prevention'];
  const definition = digestOf(owner, ...flags);
  const label = `--update-labels=${LABEL}=${definition},${OWNER_LABEL}=${owner}`;
  const create = gcloud.run('storage', 'buckets', 'create', url, `--location=${region}`, ...flags);
  const update = gcloud.run('storage', 'buckets', 'update', url, ...flags, label);
  const current: Resource = {
    kind: 'resource',
    title: `bucket ${bucket}`,
    read: gcloud.read('storage', 'buckets', 'describe', url),
    // A bucket that existed before is used as it is.
    differences: (found: { labels?: Readonly<Record<string, string>> }) =>
      !isLabelled(found) || found.labels?.[LABEL] === definition ? [] : [OLDER],
    create: [create, update],
    update: () => [update],
  };
  const on = { title: `bucket ${bucket}`, group: ['storage', 'buckets'], words: [url] };
  return [[current, grant(installation, { role: 'roles/storage.objectUser', on, to: 'results' })], [former]];
}
