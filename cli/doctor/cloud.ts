import firestore from '@google-cloud/firestore';
import { PublisherClient } from '@google-cloud/pubsub-api';
import { clientOptions } from '../../functions/runtime/grpcChannel.ts';
import { isStatus, Status } from '../../functions/runtime/grpcStatus.ts';
import indexFile from '../../firestore.indexes.json' with { type: 'json' };
import type { CliError } from '../errors.ts';
import { type Check, ok, type CheckOutcome, problem, unchecked } from './finding.ts';
import type { DoctorSettings } from './settings.ts';

/** Checks of the project behind the functions. */
export function cloudChecks(settings: DoctorSettings): readonly Check[] {
  const { cloudProblem } = settings;
  if (cloudProblem) return [{ name: 'Google Cloud', run: async () => [notSignedIn(cloudProblem)] }];
  const { projectId, pubsubEmulator } = settings;
  const publisher = new PublisherClient(clientOptions(projectId, pubsubEmulator));
  const topic = async (id: string) => [await topicOutcome(publisher, `projects/${projectId}/topics/${id}`, id)];
  const { events, results, deadLetter } = settings.topics;
  return [
    { name: 'topic for events', run: async () => await topic(events) },
    { name: 'topic for results', run: async () => await topic(results) },
    { name: 'topic for dead letters', run: async () => await topic(deadLetter) },
    { name: 'TTL policy', run: async () => await ttlPolicies(settings) },
    { name: 'indexes', run: async () => [await indexes(settings)] },
  ];
}

/** Returns the problem that prevents all checks of Google Cloud. Its message holds the command that fixes it. */
function notSignedIn({ message }: CliError): CheckOutcome {
  const [detail = '', ...fix] = message.split(/(?<=\.) (?=Run:|Add )/);
  return problem(`topics, TTL policies and indexes are unchecked: ${detail}`, fix.join(' ').replace(/^Run: /, ''));
}

/** Without a subscription and without retention, published messages are lost at once and silently. */
async function topicOutcome(publisher: PublisherClient, topic: string, id: string): Promise<CheckOutcome> {
  const [found] = await publisher.getTopic({ topic }).catch((error: unknown) => {
    if (isStatus(error, Status.NOT_FOUND)) return [undefined];
    throw error;
  });
  if (found === undefined) return problem(`${id} does not exist`, `gcloud pubsub topics create ${id}`);
  const [subscriptions] = await publisher.listTopicSubscriptions({ topic });
  if (subscriptions.length > 0) return ok(`${id} has ${subscriptions.length} subscriptions`);
  if (Number(found.messageRetentionDuration?.seconds ?? 0) > 0) return ok(`${id} keeps its messages`);
  return problem(
    `${id} has no subscription: its messages are lost`,
    `gcloud pubsub subscriptions create ${id}-all --topic=${id} --expiration-period=never`,
  );
}

/** Checks the TTL policy of each collection whose records expire. */
async function ttlPolicies({ projectId = '', database, emulators }: DoctorSettings): Promise<readonly CheckOutcome[]> {
  if (emulators.firestore) return [unchecked('the emulator has none')];
  const client = new firestore.v1.FirestoreAdminClient();
  const groups = indexFile.fieldOverrides.filter(({ ttl }) => ttl).map(({ collectionGroup }) => collectionGroup);
  return await Promise.all(
    groups.map(async (group) => {
      const name = `projects/${projectId}/databases/${database}/collectionGroups/${group}/fields/expireAt`;
      const [{ ttlConfig }] = await client.getField({ name });
      if (ttlConfig?.state === 'ACTIVE') return ok(`active on ${group}`);
      if (ttlConfig?.state === 'CREATING') return ok(`on ${group} is being created, which can take a day`);
      return problem(
        `records of ${group} are never removed`,
        `gcloud firestore fields ttls update expireAt --collection-group=${group} --enable-ttl --database="${database}"`,
      );
    }),
  );
}

/** Compares the project's indexes with the index file, field by field. */
async function indexes({ projectId = '', region, database, emulators }: DoctorSettings): Promise<CheckOutcome> {
  if (emulators.firestore) return unchecked('the emulator needs none');
  const { indexes: wanted } = indexFile;
  const client = new firestore.v1.FirestoreAdminClient();
  const parent = `projects/${projectId}/databases/${database}/collectionGroups/-`;
  const [found] = await client.listIndexes({ parent });
  const ready = new Set(found.filter(({ state }) => state === 'READY').map(keyOf));
  const missing = wanted.filter((index) => !ready.has(keyOf({ ...index, name: `/${index.collectionGroup}/indexes/` })));
  if (missing.length === 0) return ok(`${wanted.length} are ready`);
  return problem(
    `${missing.length} of ${wanted.length} are missing or not ready`,
    `wait some minutes, or run: npm run deploy -- --project=${projectId} --region=${region} --database="${database}" --only=indexes`,
  );
}

/** Identifies an index by its fields; Firestore adds the document's name to them. */
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
