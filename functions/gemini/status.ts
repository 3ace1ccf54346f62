import type { GoogleGenAI } from '@google/genai';
import type { JobKind } from '../model/jobName.ts';
import { isJsonObject, type JsonObject, stringAt, textOf } from '../model/json.ts';
import type { JobStatus } from '../model/reconciledDelivery.ts';
import { withSignal } from '../runtime/race.ts';
import { type BatchEnd, batchState, partsOf } from './batchOperation.ts';
import { toGeminiError } from './errors.ts';
import type { GeminiHttp } from './http.ts';
import { isBatchName, isInteractionName, isOperationName } from './names.ts';
import { readVideoOperation, VIDEO_BLOCKED } from './videoOperation.ts';

export interface GeminiAccess {
  readonly ai: GoogleGenAI;
  readonly gemini: GeminiHttp;
}

type QueriedKind = Exclude<JobKind, 'unknown'>;

/** Returns the kind of job that Gemini has under this name; `undefined` where Gemini has no resource of this name. */
export function queriedKind(kind: JobKind, jobName: string): QueriedKind | undefined {
  if (kind === 'batch') return isBatchName(jobName) ? kind : undefined;
  if (kind === 'interaction') return isInteractionName(jobName) ? kind : undefined;
  return isOperationName(jobName) ? 'video' : undefined;
}

/**
 * Reads the status of a job from Gemini, once.
 *
 * @throws {GeminiError}
 */
export async function readStatus(
  { ai, gemini }: GeminiAccess,
  kind: QueriedKind,
  jobName: string,
  signal: AbortSignal,
): Promise<JobStatus> {
  const reading = {
    batch: async () => await readBatch(gemini, jobName, signal),
    interaction: async () => await readInteraction(ai, jobName, signal),
    video: async () => await readVideo(ai, jobName, signal),
  };
  try {
    return await withSignal(reading[kind](), signal);
  } catch (error) {
    throw toGeminiError(error);
  }
}

async function readBatch(gemini: GeminiHttp, jobName: string, signal: AbortSignal): Promise<JobStatus> {
  const { body } = await gemini.open(jobName, signal);
  const data: Record<string, string> = {};
  const end: BatchEnd = {};
  let endTime: string | undefined;
  for await (const part of partsOf(body)) {
    if (part.kind === 'inline' && part.isRepeat) break;
    if (part.kind === 'state') end.state = part.state;
    if (part.kind === 'done') end.isDone = true;
    if (part.kind === 'end') endTime = part.time;
    if (part.kind === 'file') data['output_file_uri'] = part.name;
    if (part.kind !== 'error') continue;
    end.error = part;
    Object.assign(data, errorData({ code: part.code, message: part.message }));
  }
  return { name: batchState(end).toLowerCase(), endTime, data };
}

async function readInteraction(ai: GoogleGenAI, jobName: string, signal: AbortSignal): Promise<JobStatus> {
  const id = jobName.replace(/^interactions\//, '');
  const resource: JsonObject = await ai.interactions.get(id, {}, { maxRetries: 0, signal });
  const [error] = Array.isArray(resource['errors']) ? resource['errors'] : [];
  const data = isJsonObject(error) ? errorData(error) : {};
  return { name: stringAt(resource, 'status') ?? '', endTime: stringAt(resource, 'updated'), data };
}

async function readVideo(ai: GoogleGenAI, jobName: string, signal: AbortSignal): Promise<JobStatus> {
  const { isDone, error, uris, blocked } = await readVideoOperation(ai, jobName, signal);
  if (error) return { name: 'failed', data: errorData(error) };
  if (isDone && uris.length === 0 && blocked.count > 0)
    return { name: 'failed', data: errorData({ code: VIDEO_BLOCKED, message: blocked.message }) };
  return { name: isDone ? 'generated' : 'running', data: uris[0] === undefined ? {} : { output_file_uri: uris[0] } };
}

function errorData({ code, message }: JsonObject): Record<string, string> {
  return { error_code: textOf(code), error_message: textOf(message) };
}
