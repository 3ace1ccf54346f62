import { isOperationName } from '../gemini/names.ts';
import { GenerateVideosOperation, type GoogleGenAI } from '@google/genai';
import { download } from '../gemini/download.ts';
import { GeminiError, toGeminiError } from '../gemini/errors.ts';
import type { GeminiHttp } from '../gemini/http.ts';
import { jobDocumentId } from '../model/jobName.ts';
import type { JobResult } from '../model/result.ts';
import { retrying } from '../platform/retry.ts';
import { fileNameIn } from './batch.ts';
import type { Bucket } from './bucket.ts';
import type { VideoPart } from './interaction.ts';

/** Where videos are read from and copied to. */
export interface VideoSources {
  readonly ai: GoogleGenAI;
  readonly gemini: GeminiHttp;
  readonly bucket: Bucket | undefined;
}

/**
 * The videos of an operation, which may be several; of another job the one that its event names (G 10.2).
 *
 * @throws {GeminiError} that is final, or the signal's reason.
 */
export async function videosOfJob(
  ai: GoogleGenAI,
  job: { readonly name: string; readonly pointer: string | undefined },
  signal: AbortSignal,
): Promise<readonly VideoPart[]> {
  const uris = isOperationName(job.name)
    ? await ask(async () => await urisOfOperation(ai, job.name), signal)
    : [job.pointer ?? ''].filter((uri) => uri !== '');
  if (uris.length > 0) return uris.map((uri) => ({ uri, mimeType: 'video/mp4' }));
  throw new GeminiError('The job has ended, and names no video.', { httpStatus: 404, status: 'NO_OUTPUT' });
}

/** A video as a result: a copy of it in the bucket, where there is one, or where Gemini keeps it for two days. */
export async function videoResult(
  { ai, gemini, bucket }: VideoSources,
  jobName: string,
  { uri, data, mimeType }: VideoPart,
  index: number,
  signal: AbortSignal,
): Promise<JobResult> {
  const path = `${jobDocumentId(jobName)}/${index}.${mimeType.split('/').at(-1)}`;
  const result = (fields: object): JobResult => ({ index, status: 'ok', fields: { ...fields, mimeType } });
  if (uri === undefined && data !== undefined) {
    if (bucket) return result(await bucket.save(path, Buffer.from(data, 'base64'), mimeType));
    return { index, status: 'ok', fields: { response: { type: 'video', mime_type: mimeType, data } } };
  }
  const name = fileNameIn(uri);
  if (name === undefined) return result({ uri });
  if (bucket) return result(await bucket.copy(path, download(gemini, name, 0, signal), mimeType));
  const file = await ask(async () => await ai.files.get({ name }), signal);
  return result({ uri, ...(file.sizeBytes === undefined ? {} : { bytes: Number(file.sizeBytes) }) });
}

async function urisOfOperation(ai: GoogleGenAI, name: string): Promise<readonly string[]> {
  const operation = new GenerateVideosOperation();
  operation.name = name;
  const { response, error, done } = await ai.operations.getVideosOperation({ operation });
  if (error) throw new GeminiError(String(error['message']), { httpStatus: 400, status: 'FAILED_PRECONDITION' });
  if (!done) throw new GeminiError('Gemini says that the operation is running, though its event has come.');
  if (response?.raiMediaFilteredCount) {
    const reasons = response.raiMediaFilteredReasons?.join('; ') ?? '';
    throw new GeminiError(`Gemini held videos back: ${reasons}`, { httpStatus: 400, status: 'FILTERED' });
  }
  return (response?.generatedVideos ?? []).flatMap(({ video }) => video?.uri ?? []);
}

/** One call of the SDK's, until it is answered for good. */
async function ask<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const asked = async () => {
    try {
      return await call();
    } catch (error) {
      throw toGeminiError(error);
    }
  };
  return await retrying(
    asked,
    (error) => (error instanceof GeminiError && error.isTransient ? error : undefined),
    signal,
  );
}
