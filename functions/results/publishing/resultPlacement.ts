import { jobDocumentId } from '../../model/jobName.ts';
import {
  errorResult,
  type JobResult,
  MAX_MESSAGE_BYTES,
  type ResultMessages,
  type SizedMessage,
} from '../../model/result.ts';
import type { Bucket } from './bucket.ts';
import { largeResult } from '../sources/entries.ts';

/** A result's message, and whether it counts as an error. */
export interface Placed extends SizedMessage {
  readonly failed: boolean;
}

const TOO_LARGE = 'The result does not fit into a message of 10 MB. Set RESULTS_BUCKET, and such results go there.';

/** Makes a result's message; what does not fit into one goes to the bucket, and its address into the message. */
export async function place(
  result: JobResult,
  messages: ResultMessages,
  jobName: string,
  bucket: Bucket | undefined,
): Promise<Placed> {
  const { index, key, status, fields, json, content, contentType = 'application/json' } = result;
  if (content === undefined) {
    const sized = messages.result(result);
    if (sized.bytes <= MAX_MESSAGE_BYTES) return { ...sized, failed: status === 'error' };
    const large = largeResult(json ?? Buffer.from(JSON.stringify(fields)), index);
    return await place(large, messages, jobName, bucket);
  }
  if (bucket === undefined) {
    const tooLarge = errorResult(index, 'RESULT_TOO_LARGE', TOO_LARGE, { key, bytes: content.length });
    return { ...messages.result(tooLarge), failed: true };
  }
  const stored = await bucket.save(`${jobDocumentId(jobName)}/${index}.json`, content, contentType);
  const placed = { index, key, status, fields: { ...fields, ...stored } };
  return { ...messages.result(placed), failed: status === 'error' };
}
