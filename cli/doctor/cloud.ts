import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import firestore from '@google-cloud/firestore';
import { PubSub } from '@google-cloud/pubsub';
import { type Check, ok, type Outcome, problem, skipped } from './finding.ts';
import type { Installation } from './setting.ts';

const INDEX_FILE = join(import.meta.dirname, '../../firestore.indexes.json');

/** Checks of the project behind the function. */
export function cloudChecks(installation: Installation): readonly Check[] {
  const pubsub = new PubSub(installation.projectId === undefined ? {} : { projectId: installation.projectId });
  const { events, results, deadLetter } = installation.topics;
  return [
    { name: 'topic for events', run: async () => [await topic(pubsub, events)] },
    { name: 'topic for results', run: async () => [await topic(pubsub, results)] },
    { name: 'topic for dead letters', run: async () => [await topic(pubsub, deadLetter)] },
    { name: 'TTL policy', run: async () => await ttlPolicies(installation) },
    { name: 'indexes', run: async () => [await indexes(installation)] },
  ];
}

/** Without a subscription, and without retention, what is published is gone at once, and nobody is told. */
async function topic(pubsub: PubSub, id: string): Promise<Outcome> {
  const found = pubsub.topic(id);
  const [exists] = await found.exists();
  if (!exists) return problem(`${id} does not exist`, `gcloud pubsub topics create ${id}`);
  const [subscriptions] = await found.getSubscriptions();
  if (subscriptions.length > 0) return ok(`${id} has ${subscriptions.length} subscriptions`);
  const [{ messageRetentionDuration }] = await found.getMetadata();
  if (Number(messageRetentionDuration?.seconds ?? 0) > 0) return ok(`${id} keeps its messages`);
  return problem(
    `${id} has no subscription: its messages are lost`,
    `gcloud pubsub subscriptions create ${id}-all --topic=${id} --expiration-period=never`,
  );
}

/** Of each collection whose records are to be removed. */
async function ttlPolicies({ projectId = '', database, emulators }: Installation): Promise<readonly Outcome[]> {
  if (emulators.firestore) return [skipped('the emulator has none')];
  const client = new firestore.v1.FirestoreAdminClient();
  const { fieldOverrides } = readIndexFile();
  const groups = fieldOverrides.filter(({ ttl }) => ttl).map(({ collectionGroup }) => collectionGroup);
  return await Promise.all(
    groups.map(async (group) => {
      const name = `projects/${projectId}/databases/${database}/collectionGroups/${group}/fields/expireAt`;
      const [{ ttlConfig }] = await client.getField({ name });
      if (ttlConfig?.state === 'ACTIVE') return ok(`active on ${group}`);
      if (ttlConfig?.state === 'CREATING') return ok(`on ${group} is being made, which can take a day`);
      return problem(
        `records of ${group} are never removed`,
        `gcloud firestore fields ttls update expireAt --collection-group=${group} --enable-ttl --database="${database}"`,
      );
    }),
  );
}

/** Those of the index file, field by field. */
async function indexes({ projectId = '', database, emulators }: Installation): Promise<Outcome> {
  if (emulators.firestore) return skipped('the emulator needs none');
  const { indexes: wanted } = readIndexFile();
  const client = new firestore.v1.FirestoreAdminClient();
  const parent = `projects/${projectId}/databases/${database}/collectionGroups/-`;
  const [found] = await client.listIndexes({ parent });
  const ready = new Set(found.filter(({ state }) => state === 'READY').map(keyOf));
  const missing = wanted.filter((index) => !ready.has(keyOf({ ...index, name: `/${index.collectionGroup}/indexes/` })));
  if (missing.length === 0) return ok(`${wanted.length} are ready`);
  return problem(
    `${missing.length} of ${wanted.length} are missing or not ready`,
    `wait some minutes, or make them with npm run deploy -- --project=${projectId} --region=REGION --database="${database}" --only=indexes`,
  );
}

function readIndexFile(): IndexFile {
  return JSON.parse(readFileSync(INDEX_FILE, 'utf8')) as IndexFile;
}

interface IndexFile {
  readonly indexes: readonly IndexSpec[];
  readonly fieldOverrides: readonly { readonly collectionGroup: string; readonly ttl?: boolean }[];
}

interface IndexSpec {
  readonly collectionGroup: string;
  readonly fields: readonly { readonly fieldPath: string; readonly order?: string }[];
}

/** Firestore adds the document's name to the fields. */
function keyOf({
  name,
  fields,
}: {
  name?: string | null;
  fields?: readonly { fieldPath?: string | null; order?: unknown }[] | null;
}): string {
  const group = /\/([^/]+)\/indexes\//.exec(name ?? '')?.[1];
  const own = (fields ?? []).filter(({ fieldPath }) => fieldPath !== '__name__');
  return [group, ...own.map(({ fieldPath, order }) => `${fieldPath} ${String(order)}`)].join('|');
}
