import { jobDocumentId } from '../model/jobName.ts';
import type { JsonObject } from '../model/json.ts';
import {
  errorResult,
  type JobResult,
  MAX_MESSAGE_BYTES,
  type ResultMessages,
  type SizedMessage,
} from '../model/result.ts';
import type { Bucket } from './bucket.ts';

/** A result's message, and whether it counts as an error. */
export interface Placed extends SizedMessage {
  readonly failed: boolean;
}

/** Makes a result's message; what does not fit into one goes to the bucket, and its address into the message. */
export async function place(
  result: JobResult,
  messages: ResultMessages,
  jobName: string,
  bucket: Bucket | undefined,
): Promise<Placed> {
  if (result.content === undefined) {
    const sized = messages.result(result);
    if (sized.bytes <= MAX_MESSAGE_BYTES) return { ...sized, failed: result.status === 'error' };
  }
  const content = result.content ?? contentOf(result.fields);
  const { key } = result;
  if (bucket === undefined) {
    const text = 'The result does not fit into a message of 10 MB. Set RESULTS_BUCKET, and such results go there.';
    const tooLarge = errorResult(result.index, 'RESULT_TOO_LARGE', text, { key, bytes: content.length });
    return { ...messages.result(tooLarge), failed: true };
  }
  const path = `${jobDocumentId(jobName)}/${result.index}.json`;
  const stored = await bucket.save(path, content, 'application/json');
  const placed = { index: result.index, key, status: result.status, fields: { key, ...stored } };
  return { ...messages.result(placed), failed: result.status === 'error' };
}

/** What the message would have held, as JSON. */
function contentOf(fields: JsonObject): Buffer {
  return Buffer.from(JSON.stringify(fields['response'] ?? fields['error'] ?? fields));
}
