import { type File, FileState, type GoogleGenAI } from '@google/genai';
import { callWithRetry } from '../../gemini/callWithRetry.ts';
import { download } from '../../gemini/download.ts';
import { GeminiError } from '../../gemini/errors.ts';
import type { GeminiHttp } from '../../gemini/http.ts';
import type { GeminiAccess } from '../../gemini/status.ts';
import { isOperationName } from '../../gemini/names.ts';
import { readVideoOperation, VIDEO_BLOCKED } from '../../gemini/videoOperation.ts';
import { jobDocumentId } from '../../model/jobName.ts';
import { type JsonObject, textOf } from '../../model/json.ts';
import { errorResult, type JobResult } from '../../model/result.ts';
import { fileNameIn } from './batch.ts';
import type { Bucket } from '../publishing/bucket.ts';
import type { VideoPart } from './interaction.ts';
import { NO_OUTPUT, noOutput } from './noOutput.ts';

/** Access to videos at Gemini and to the bucket that they are copied to. */
export interface VideoSources extends GeminiAccess {
  readonly bucket: Pick<Bucket, 'save' | 'copy'> | undefined;
}

/** A job whose videos are read. */
interface VideoJob {
  readonly name: string;
  readonly pointer: string | undefined;
  /** The start of the time after which a missing video is final. */
  readonly eventTime: Date;
}

/** A video, or why Gemini blocked it. */
export type Video = VideoPart | { readonly withheld: string };

const MIME_TYPE = 'video/mp4';

/**
 * Returns the videos of an operation, which may be several (docs/gemini-wire.md 10.2). Falls back to the one that the
 * event names: for other jobs, and where the operation cannot be read or names none.
 *
 * @throws {GeminiError} or the signal's reason.
 */
export async function videosOfJob(ai: GoogleGenAI, job: VideoJob, signal: AbortSignal): Promise<readonly Video[]> {
  const named = job.pointer ? [{ uri: uriOf(job.pointer), mimeType: MIME_TYPE }] : undefined;
  try {
    if (!isOperationName(job.name)) throw noVideo(job.eventTime);
    return await callWithRetry(async (attempt) => await videosOfOperation(ai, job, attempt), signal);
  } catch (error) {
    if (named && error instanceof GeminiError && (error.isFinal || error.status === NO_OUTPUT)) return named;
    throw error;
  }
}

/** A video as a result: a copy of it in the bucket, where there is one, or where Gemini keeps it for two days. */
export async function videoResult(
  sources: VideoSources,
  jobName: string,
  video: Video,
  index: number,
  signal: AbortSignal,
): Promise<JobResult> {
  if ('withheld' in video) return errorResult(index, VIDEO_BLOCKED, video.withheld);
  const { uri, mimeType } = video;
  const path = `${jobDocumentId(jobName)}/${index}.${mimeType.split('/').at(-1)}`;
  try {
    return { index, status: 'ok', fields: await placeVideo(sources, path, video, signal) };
  } catch (error) {
    if (error instanceof GeminiError && error.isFinal)
      return errorResult(index, error.status, error.message, { uri, mimeType });
    throw error;
  }
}

async function placeVideo(
  { ai, gemini, bucket }: VideoSources,
  path: string,
  { uri, data, mimeType }: VideoPart,
  signal: AbortSignal,
): Promise<JsonObject> {
  if (uri === undefined && data !== undefined) {
    if (bucket) return { ...(await bucket.save(path, Buffer.from(data, 'base64'), mimeType)), mimeType };
    return { response: { type: 'video', mime_type: mimeType, data } };
  }
  const name = fileNameIn(uri);
  if (name === undefined) return { uri, mimeType };
  const file = await processedFile(ai, name, signal);
  if (file?.state === FileState.FAILED) throw failedFile(file);
  if (bucket) return { ...(await bucket.copy(path, download(gemini, name, 0, signal), mimeType)), mimeType };
  if (file === undefined) await requireReadable(gemini, name, signal);
  return { uri, ...(file?.sizeBytes === undefined ? {} : { bytes: Number(file.sizeBytes) }), mimeType };
}

async function videosOfOperation(
  ai: GoogleGenAI,
  { name, eventTime }: VideoJob,
  signal: AbortSignal,
): Promise<readonly Video[]> {
  const { isDone, error, uris, blocked } = await readVideoOperation(ai, name, signal);
  if (error) throw GeminiError.final('FAILED_PRECONDITION', textOf(error['message']) || 'The video operation failed.');
  if (!isDone) throw new GeminiError('The video operation is running, although its event has arrived.');
  const videos = uris.map((uri) => ({ uri, mimeType: MIME_TYPE }));
  if (videos.length > 0)
    return [...videos, ...Array.from({ length: blocked.count }, () => ({ withheld: blocked.message }))];
  throw blocked.count > 0 ? GeminiError.final(VIDEO_BLOCKED, blocked.message) : noVideo(eventTime);
}

/**
 * Waits until Gemini has processed a file and returns its metadata (docs/gemini-wire.md 10.3); `undefined` where Gemini
 * refuses them, as for long ids (docs/gemini-wire.md 1.9). Such a file may exist.
 */
async function processedFile(ai: GoogleGenAI, name: string, signal: AbortSignal): Promise<File | undefined> {
  try {
    return await callWithRetry(
      async (abortSignal) => requireProcessed(await ai.files.get({ name, config: { abortSignal } })),
      signal,
    );
  } catch (error) {
    if (error instanceof GeminiError && error.isFinal) return undefined;
    throw error;
  }
}

function requireProcessed(file: File): File {
  if (file.state === FileState.PROCESSING) throw new GeminiError(`${file.name} is still being processed.`);
  return file;
}

function failedFile({ name, error }: File): GeminiError {
  const message = error?.message ?? `Gemini could not process ${name}.`;
  return GeminiError.final('FAILED_PRECONDITION', message);
}

/** @throws {GeminiError} where the first bytes cannot be read. */
async function requireReadable(gemini: GeminiHttp, name: string, signal: AbortSignal): Promise<void> {
  const bytes = download(gemini, name, 0, signal);
  await bytes.next();
  await bytes.return(undefined);
}

/** The address that an event gives; of a name, the one at Gemini. */
function uriOf(pointer: string): string {
  const [, id] = /^(?:files\/)?([\w-]+)$/.exec(pointer) ?? [];
  return id === undefined ? pointer : `https://generativelanguage.googleapis.com/v1/files/${id}:download?alt=media`;
}

function noVideo(eventTime: Date): GeminiError {
  return noOutput('The job has ended, but names no video.', eventTime);
}
