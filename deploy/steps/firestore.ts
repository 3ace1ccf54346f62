import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Gcloud } from '../gcloud.ts';
import type { Installation } from '../installation.ts';
import { line, type Resource, type Step } from '../plan.ts';

const INDEX_FILE = join(import.meta.dirname, '../../firestore.indexes.json');

interface IndexFile {
  readonly indexes: readonly CompositeIndex[];
  readonly fieldOverrides: readonly FieldOverride[];
}

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

interface FoundRules {
  readonly isCurrent: boolean;
  readonly isOurs: boolean;
}

/** The database itself. */
export function firestore(installation: Installation): Step {
  return { name: 'firestore', title: 'Firestore', items: [databaseOf(installation)] };
}

/** Who may not read it from outside. Another application's rules end the run here, before anything else is changed. */
export function firestoreRules(installation: Installation): Step {
  return { name: 'rules', title: 'Rules of Firestore', items: [rulesOf(installation)] };
}

/** What the index file says. */
export function firestoreIndexes(installation: Installation): Step {
  const { indexes, fieldOverrides } = JSON.parse(readFileSync(INDEX_FILE, 'utf8')) as IndexFile;
  return {
    name: 'indexes',
    title: 'Indexes of Firestore, and removal by TTL',
    items: [
      ...indexes.map((index) => indexOf(installation, index)),
      ...fieldOverrides.flatMap((override) => overridesOf(installation, override)),
    ],
  };
}

function databaseOf(installation: Installation): Resource {
  const { database, location } = installation;
  const gcloud = new Gcloud(installation);
  const named = `--database=${database}`;
  const databases = (...words: readonly string[]) => gcloud.run('firestore', 'databases', ...words);
  return {
    kind: 'resource',
    title: `database ${database}`,
    read: gcloud.read('firestore', 'databases', 'describe', named),
    isCurrent: ({ type }: { type?: string }) => type === 'FIRESTORE_NATIVE',
    refusal: () => `It is in Datastore mode, which has no use here. ${OWN_DATABASE}`,
    create: [databases('create', named, `--location=${location}`, '--type=firestore-native', '--delete-protection')],
    remove: () => [databases('update', named, '--no-delete-protection'), databases('delete', named)],
    // Databases have no labels: nothing tells whether it was there before, and what else is in it.
    staysUnless: '--with-database',
  };
}

const OWN_DATABASE = 'Give this installation a database of its own, for example with --database=gemini.';

/** gcloud has no command for rules. */
function rulesOf({ project, database }: Installation): Resource {
  const rules = (...words: readonly string[]) =>
    line('npm', 'exec', '--', 'node', 'deploy/rules.ts', ...words, `--project=${project}`, `--database=${database}`);
  return {
    kind: 'resource',
    title: 'rules that keep every web and mobile client out',
    read: rules('check'),
    isCurrent: ({ isCurrent }: FoundRules) => isCurrent,
    refusal: ({ isOurs }: FoundRules) =>
      isOurs ? undefined : `The database has those of another application. ${OWN_DATABASE} --skip=rules keeps them.`,
    create: [rules('publish')],
  };
}

function indexOf(installation: Installation, { collectionGroup, fields }: CompositeIndex): Resource {
  const gcloud = new Gcloud(installation);
  const shown = fields.map(({ fieldPath, order }) => `${fieldPath} ${order.toLowerCase()}`).join(', ');
  const database = `--database=${installation.database}`;
  return {
    kind: 'resource',
    title: `index of ${collectionGroup} by ${shown}`,
    read: gcloud.read('firestore', 'indexes', 'composite', 'list', database),
    isCurrent: (found: readonly FoundIndex[]) =>
      found.some((index) => index.name.includes(`/${collectionGroup}/`) && shownOf(index) === shown),
    create: [
      gcloud.run(
        'firestore',
        'indexes',
        'composite',
        'create',
        `--collection-group=${collectionGroup}`,
        '--query-scope=collection',
        ...fields.map(({ fieldPath, order }) => `--field-config=field-path=${fieldPath},order=${order.toLowerCase()}`),
        database,
        '--async',
      ),
    ],
  };
}

/** Firestore adds the document's name. */
function shownOf({ fields }: FoundIndex): string {
  const own = fields.filter(({ fieldPath }) => fieldPath !== '__name__');
  return own.map(({ fieldPath, order = '' }) => `${fieldPath} ${order.toLowerCase()}`).join(', ');
}

function overridesOf(installation: Installation, override: FieldOverride): readonly Resource[] {
  const { collectionGroup, fieldPath, ttl, indexes } = override;
  const gcloud = new Gcloud(installation);
  const read = gcloud.read('firestore', 'indexes', 'fields', 'list', `--database=${installation.database}`);
  const place = [`--collection-group=${collectionGroup}`, `--database=${installation.database}`];
  const isOurs = ({ name }: FoundField) => name.endsWith(`/collectionGroups/${collectionGroup}/fields/${fieldPath}`);
  const kept = indexes.map(({ order }) => `--index=order=${order.toLowerCase()}`);
  const indexing: Resource = {
    kind: 'resource',
    title: `${kept.length === 0 ? 'no index' : 'one index'} of ${collectionGroup}.${fieldPath}`,
    read,
    isCurrent: (found: readonly FoundField[]) =>
      found.some(
        (field) =>
          isOurs(field) &&
          field.indexConfig?.usesAncestorConfig !== true &&
          (field.indexConfig?.indexes ?? []).length === kept.length,
      ),
    create: [
      gcloud.run(
        'firestore',
        'indexes',
        'fields',
        'update',
        fieldPath,
        ...place,
        ...(kept.length === 0 ? ['--disable-indexes'] : kept),
        '--async',
      ),
    ],
  };
  const removal: Resource = {
    kind: 'resource',
    title: `removal of ${collectionGroup} after ${fieldPath}`,
    read,
    isCurrent: (found: readonly FoundField[]) =>
      found.some((field) => isOurs(field) && ['ACTIVE', 'CREATING'].includes(field.ttlConfig?.state ?? '')),
    create: [gcloud.run('firestore', 'fields', 'ttls', 'update', fieldPath, ...place, '--enable-ttl', '--async')],
  };
  return ttl ? [indexing, removal] : [indexing];
}
