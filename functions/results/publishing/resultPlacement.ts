import type { EncodableMessage } from '../../model/publishRequest.ts';
import { jobDocumentId } from '../../model/jobName.ts';
import { errorResult, type JobResult, MAX_MESSAGE_BYTES } from '../../model/result.ts';
import type { ResultMessages } from '../../model/resultMessages.ts';
import { keyMember, splitResult } from '../entry.ts';
import type { Bucket } from './bucket.ts';

/** A result's message. */
interface PlacedResult {
  readonly message: EncodableMessage;
  /** `true` where it counts as an error. */
  readonly failed: boolean;
}

const TOO_LARGE = 'The result does not fit into a message of 10 MB. Set RESULTS_BUCKET to keep such results there.';

/**
 * Makes a result's message. A response too large for one goes to the bucket, and its address into the message.
 *
 * @returns a promise only then: a batch has millions of small results, and a promise for each is measurable.
 */
export function placeResult(
  result: JobResult,
  messages: ResultMessages,
  jobName: string,
  bucket: Pick<Bucket, 'save'> | undefined,
): PlacedResult | Promise<PlacedResult> {
  if (result.content !== undefined) return placeContent(result, result.content, messages, jobName, bucket);
  const message = messages.result(result);
  if (message.length <= MAX_MESSAGE_BYTES) return { message, failed: result.status === 'error' };
  return splitResult(result).then(async (split) => await placeResult(split, messages, jobName, bucket));
}

async function placeContent(
  result: JobResult,
  content: Buffer,
  messages: ResultMessages,
  jobName: string,
  bucket: Pick<Bucket, 'save'> | undefined,
): Promise<PlacedResult> {
  const { index, status, fields, contentType = 'application/json' } = result;
  if (bucket === undefined) return { message: messages.result(tooLarge(result, content)), failed: true };
  const stored = await bucket.save(`${jobDocumentId(jobName)}/${index}.json`, content, contentType);
  return { message: messages.result({ ...result, fields: { ...fields, ...stored } }), failed: status === 'error' };
}

function tooLarge({ index, key }: JobResult, content: Buffer): JobResult {
  const error = errorResult(index, 'RESULT_TOO_LARGE', TOO_LARGE, { bytes: content.length });
  return { ...error, key, members: keyMember(key) };
}
