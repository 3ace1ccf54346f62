import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InstallationSpec } from '../installation.ts';
import type { Resource } from '../plan.ts';
import { present } from '../resource.ts';

const FILE = join(import.meta.dirname, '../../firestore.indexes.json');

interface IndexField {
  readonly fieldPath: string;
  readonly order?: string;
}

interface CompositeIndex {
  readonly collectionGroup: string;
  readonly fields: readonly IndexField[];
}

interface FieldOverride {
  readonly collectionGroup: string;
  readonly fieldPath: string;
  readonly ttl?: boolean;
  readonly indexes: readonly { readonly order: string }[];
}

interface FoundIndex {
  readonly name: string;
  readonly fields: readonly IndexField[];
}

interface FoundField {
  readonly name: string;
  readonly indexConfig?: { readonly indexes?: readonly unknown[]; readonly usesAncestorConfig?: boolean };
  readonly ttlConfig?: { readonly state?: string };
}

/** Returns everything in the index file. It is applied in order: Firestore refuses concurrent changes of one collection group. */
export function firestoreIndexes(installation: InstallationSpec): readonly Resource[] {
  const { indexes, fieldOverrides } = JSON.parse(readFileSync(FILE, 'utf8')) as {
    readonly indexes: readonly CompositeIndex[];
    readonly fieldOverrides: readonly FieldOverride[];
  };
  return [
    ...indexes.map((index) => compositeIndex(installation, index)),
    ...fieldOverrides.flatMap((override) => fieldSettings(installation, override)),
  ];
}

function compositeIndex({ gcloud, database }: InstallationSpec, { collectionGroup, fields }: CompositeIndex): Resource {
  const composite = (verb: 'list' | 'create') => ['firestore', 'indexes', 'composite', verb] as const;
  const configs = fields.map(({ fieldPath, order = '' }) => {
    return `--field-config=field-path=${fieldPath},order=${order.toLowerCase()}`;
  });
  const place = [`--collection-group=${collectionGroup}`, '--query-scope=collection'];
  const shown = textOf(fields);
  return present(
    `index of ${collectionGroup} by ${shown}`,
    gcloud.read(...composite('list'), `--database=${database}`),
    (found: readonly FoundIndex[]) =>
      found.some((index) => index.name.includes(`/${collectionGroup}/`) && textOf(index.fields) === shown),
    gcloud.run(...composite('create'), ...place, ...configs, `--database=${database}`, '--async'),
  );
}

/** Firestore appends the document's name to every index. */
function textOf(fields: readonly IndexField[]): string {
  const named = fields.filter(({ fieldPath }) => fieldPath !== '__name__');
  return named.map(({ fieldPath, order = '' }) => `${fieldPath} ${order.toLowerCase()}`).join(', ');
}

/** Describes the indexes of a single field, and its TTL policy. */
function fieldSettings(
  { gcloud, database }: InstallationSpec,
  { collectionGroup, fieldPath, ttl, indexes }: FieldOverride,
): readonly Resource[] {
  const read = gcloud.read('firestore', 'indexes', 'fields', 'list', `--database=${database}`);
  const place = [`--collection-group=${collectionGroup}`, `--database=${database}`];
  const kept = indexes.map(({ order }) => `--index=order=${order.toLowerCase()}`);
  const isIndexed = ({ indexConfig }: FoundField) =>
    indexConfig?.usesAncestorConfig !== true && (indexConfig?.indexes ?? []).length === kept.length;
  const isExpiring = ({ ttlConfig }: FoundField) => ['ACTIVE', 'CREATING'].includes(ttlConfig?.state ?? '');
  const setting = (title: string, isCurrent: (field: FoundField) => boolean, ...words: readonly string[]) => {
    const isPresent = (found: readonly FoundField[]) => {
      const field = found.find(({ name }) => name.endsWith(`/collectionGroups/${collectionGroup}/fields/${fieldPath}`));
      return field !== undefined && isCurrent(field);
    };
    return present(`${title} of ${collectionGroup}.${fieldPath}`, read, isPresent, gcloud.run('firestore', ...words));
  };
  const index = kept.length === 0 ? ['--disable-indexes'] : kept;
  const title = kept.length === 0 ? 'no index' : 'one index';
  return [
    setting(title, isIndexed, 'indexes', 'fields', 'update', fieldPath, ...place, ...index, '--async'),
    ...(ttl
      ? [setting('TTL policy', isExpiring, 'fields', 'ttls', 'update', fieldPath, ...place, '--enable-ttl', '--async')]
      : []),
  ];
}
