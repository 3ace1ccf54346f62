import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InstallationSpec } from '../installation.ts';
import { Gcloud } from '../line.ts';
import type { Resource, Step } from '../plan.ts';

const FILE = join(import.meta.dirname, '../../firestore.indexes.json');

interface CompositeIndex {
  readonly collectionGroup: string;
  readonly fields: readonly { readonly fieldPath: string; readonly order: string }[];
}

interface FieldOverride {
  readonly collectionGroup: string;
  readonly fieldPath: string;
  readonly ttl?: boolean;
  readonly indexes: readonly { readonly order: string }[];
}

interface FoundIndex {
  readonly name: string;
  readonly fields: readonly { readonly fieldPath: string; readonly order?: string }[];
}

interface FoundField {
  readonly name: string;
  readonly indexConfig?: { readonly indexes?: readonly unknown[]; readonly usesAncestorConfig?: boolean };
  readonly ttlConfig?: { readonly state?: string };
}

/** Everything in the index file, in order: Firestore refuses concurrent changes of one collection group. */
export function firestoreIndexes(installation: InstallationSpec): Step {
  const { indexes, fieldOverrides } = JSON.parse(readFileSync(FILE, 'utf8')) as {
    readonly indexes: readonly CompositeIndex[];
    readonly fieldOverrides: readonly FieldOverride[];
  };
  return {
    name: 'indexes',
    title: 'Firestore indexes and TTL',
    needs: ['firestore', 'rules'],
    chains: [
      [
        ...indexes.map((index) => indexOf(installation, index)),
        ...fieldOverrides.flatMap((override) => overridesOf(installation, override)),
      ],
    ],
  };
}

function indexOf(installation: InstallationSpec, { collectionGroup, fields }: CompositeIndex): Resource {
  const gcloud = new Gcloud(installation);
  const shown = fields.map(({ fieldPath, order }) => `${fieldPath} ${order.toLowerCase()}`).join(', ');
  const composite = ['firestore', 'indexes', 'composite'];
  const database = `--database=${installation.database}`;
  const configs = fields.map(
    ({ fieldPath, order }) => `--field-config=field-path=${fieldPath},order=${order.toLowerCase()}`,
  );
  const place = [`--collection-group=${collectionGroup}`, '--query-scope=collection'];
  return {
    kind: 'resource',
    title: `index of ${collectionGroup} by ${shown}`,
    read: gcloud.read(...composite, 'list', database),
    differences: (found: readonly FoundIndex[]) =>
      found.some((index) => index.name.includes(`/${collectionGroup}/`) && shownOf(index) === shown) ? [] : ['missing'],
    create: [gcloud.run(...composite, 'create', ...place, ...configs, database, '--async')],
  };
}

/** Firestore appends the document's name to every index. */
function shownOf({ fields }: FoundIndex): string {
  const named = fields.filter(({ fieldPath }) => fieldPath !== '__name__');
  return named.map(({ fieldPath, order = '' }) => `${fieldPath} ${order.toLowerCase()}`).join(', ');
}

function overridesOf(installation: InstallationSpec, override: FieldOverride): readonly Resource[] {
  const { collectionGroup, fieldPath, ttl, indexes } = override;
  const gcloud = new Gcloud(installation);
  const read = gcloud.read('firestore', 'indexes', 'fields', 'list', `--database=${installation.database}`);
  const place = [`--collection-group=${collectionGroup}`, `--database=${installation.database}`];
  const fieldIn = (found: readonly FoundField[]) =>
    found.find(({ name }) => name.endsWith(`/collectionGroups/${collectionGroup}/fields/${fieldPath}`));
  const kept = indexes.map(({ order }) => `--index=order=${order.toLowerCase()}`);
  const wanted = kept.length === 0 ? ['--disable-indexes'] : kept;
  const isIndexed = ({ indexConfig }: FoundField) =>
    indexConfig?.usesAncestorConfig !== true && (indexConfig?.indexes ?? []).length === kept.length;
  const isExpiring = ({ ttlConfig }: FoundField) => ['ACTIVE', 'CREATING'].includes(ttlConfig?.state ?? '');
  const resource = (title: string, isCurrent: (field: FoundField) => boolean, create: string): Resource => ({
    kind: 'resource',
    title,
    read,
    differences: (found: readonly FoundField[]) => {
      const field = fieldIn(found);
      return field !== undefined && isCurrent(field) ? [] : ['missing'];
    },
    create: [create],
  });
  const update = gcloud.run('firestore', 'indexes', 'fields', 'update', fieldPath, ...place, ...wanted, '--async');
  const expire = gcloud.run('firestore', 'fields', 'ttls', 'update', fieldPath, ...place, '--enable-ttl', '--async');
  const name = `${collectionGroup}.${fieldPath}`;
  return [
    resource(`${kept.length === 0 ? 'no index' : 'one index'} of ${name}`, isIndexed, update),
    ...(ttl ? [resource(`TTL policy of ${name}`, isExpiring, expire)] : []),
  ];
}
