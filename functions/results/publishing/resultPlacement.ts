import { jobDocumentId } from '../../model/jobName.ts';
import {
  errorResult,
  type JobResult,
  MAX_MESSAGE_BYTES,
  type ResultMessages,
  type SizedMessage,
} from '../../model/result.ts';
import { keyMember, splitResult } from '../entry.ts';
import type { Bucket } from './bucket.ts';

/** A result's message. */
interface PlacedResult extends SizedMessage {
  /** `true` where it counts as an error. */
  readonly failed: boolean;
}

const TOO_LARGE = 'The result does not fit into a message of 10 MB. Set RESULTS_BUCKET to keep such results there.';

/** Makes a result's message. A response too large for one goes to the bucket, and its address into the message. */
export async function placeResult(
  result: JobResult,
  messages: ResultMessages,
  jobName: string,
  bucket: Pick<Bucket, 'save'> | undefined,
): Promise<PlacedResult> {
  const { index, status, content, contentType = 'application/json', ...rest } = result;
  if (content === undefined) {
    const sized = messages.result(result);
    if (sized.bytes <= MAX_MESSAGE_BYTES) return { ...sized, failed: status === 'error' };
    return await placeResult(await splitResult(result), messages, jobName, bucket);
  }
  if (bucket === undefined) return { ...messages.result(tooLarge(result, content)), failed: true };
  const stored = await bucket.save(`${jobDocumentId(jobName)}/${index}.json`, content, contentType);
  const placed = { ...rest, index, status, fields: { ...rest.fields, ...stored } };
  return { ...messages.result(placed), failed: status === 'error' };
}

function tooLarge({ index, key }: JobResult, content: Buffer): JobResult {
  const error = errorResult(index, 'RESULT_TOO_LARGE', TOO_LARGE, { bytes: content.length });
  return { ...error, key, members: keyMember(key) };
}
