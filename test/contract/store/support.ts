import { afterAll } from 'vitest';
import { parseEvent } from '../../../functions/model/event.ts';
import type { Delivery } from '../../../functions/model/delivery.ts';
import { Deadline } from '../../../functions/runtime/deadline.ts';
import { sha256 } from '../../../functions/runtime/sha256.ts';
import { Database } from '../../../functions/store/database.ts';
import { LocalProject } from '../../../local/project.ts';

/** Creates a project with its database for all tests of a file. */
export async function storeForFile(): Promise<{ project: LocalProject; firestore: Database }> {
  const project = await LocalProject.create();
  const firestore = new Database({ projectId: project.projectId, database: '(default)' });
  afterAll(async () => void (await Promise.all([firestore.terminate(), project.close()])));
  return { project, firestore };
}

export const soon = (): Deadline => Deadline.inMillis(5_000);

let ids = 0;

/** Returns a delivery about the end of a new batch, with other fields of the event or another id. */
export function newDelivery(fields: object = {}, webhookId = `msg_${++ids}`): Delivery {
  const body = { type: 'batch.succeeded', timestamp: '2026-05-28T20:00:00Z', data: { id: `batches/${webhookId}` } };
  const payload = Buffer.from(JSON.stringify({ ...body, ...fields }));
  const receivedAt = new Date('2026-05-28T20:00:01.234Z');
  const event = parseEvent(payload, receivedAt);
  return { webhookId, scheme: 'v1', payload, bodySha256: sha256(payload), receivedAt, ...(event ? { event } : {}) };
}
