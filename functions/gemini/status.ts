import { GenerateVideosOperation, type GoogleGenAI } from '@google/genai';
import type { JobKind } from '../model/jobName.ts';
import { isJsonObject, type JsonObject, stringAt, textOf } from '../model/json.ts';
import { withSignal } from '../runtime/retry.ts';
import { partsOf, stateName } from './batchOperation.ts';
import { isBatchName, isInteractionName, isOperationName } from './names.ts';
import { toGeminiError } from './errors.ts';
import type { GeminiHttp } from './http.ts';

/** What Gemini says of a job when it is asked. */
export interface JobStatus {
  /** Gemini's own word, in lower case: `succeeded`, `in_progress`, `budget_exceeded`. */
  readonly name: string;
  /** When it ended, RFC 3339. */
  readonly endTime?: string | undefined;
  /** What an event of it would say beside its id. */
  readonly data: JsonObject;
}

export interface GeminiAccess {
  readonly ai: GoogleGenAI;
  readonly gemini: GeminiHttp;
}

/** Whether Gemini can be asked about it by its name alone. */
export function canBeAsked(kind: JobKind, jobName: string): boolean {
  if (kind === 'batch') return isBatchName(jobName);
  return kind === 'interaction' ? isInteractionName(jobName) : isOperationName(jobName);
}

/** @throws {GeminiError} */
export async function askStatus(
  access: GeminiAccess,
  kind: JobKind,
  jobName: string,
  signal: AbortSignal,
): Promise<JobStatus> {
  try {
    return await withSignal(statusOf(access, kind, jobName, signal), signal);
  } catch (error) {
    throw toGeminiError(error);
  }
}

async function statusOf(
  { ai, gemini }: GeminiAccess,
  kind: JobKind,
  jobName: string,
  signal: AbortSignal,
): Promise<JobStatus> {
  if (kind === 'batch') return await statusOfBatch(gemini, jobName, signal);
  return kind === 'interaction'
    ? await statusOfInteraction(ai, jobName, signal)
    : await statusOfVideo(ai, jobName, signal);
}

async function statusOfBatch(gemini: GeminiHttp, jobName: string, signal: AbortSignal): Promise<JobStatus> {
  const { body } = await gemini.open(jobName, signal);
  const data: Record<string, string> = {};
  let name = '';
  let endTime: string | undefined;
  for await (const part of partsOf(body)) {
    if (part.kind === 'state') name = stateName(part.state).toLowerCase();
    else if (part.kind === 'end') endTime = part.time;
    else if (part.kind === 'file') data['output_file_uri'] = part.name;
    else if (part.kind === 'error') Object.assign(data, errorData(part));
  }
  return { name, endTime, data };
}

async function statusOfInteraction(ai: GoogleGenAI, jobName: string, signal: AbortSignal): Promise<JobStatus> {
  const id = jobName.replace(/^interactions\//, '');
  const resource: JsonObject = await ai.interactions.get(id, {}, { maxRetries: 0, signal });
  const [error] = Array.isArray(resource['errors']) ? resource['errors'] : [];
  const data = isJsonObject(error) ? errorData(error) : {};
  return { name: stringAt(resource, 'status') ?? '', endTime: stringAt(resource, 'updated'), data };
}

async function statusOfVideo(ai: GoogleGenAI, jobName: string, signal: AbortSignal): Promise<JobStatus> {
  const operation = new GenerateVideosOperation();
  operation.name = jobName;
  const { done, error, response } = await ai.operations.getVideosOperation({
    operation,
    config: { abortSignal: signal },
  });
  if (error) {
    return { name: 'failed', data: errorData(error) };
  }
  const uri = response?.generatedVideos?.[0]?.video?.uri;
  return { name: done ? 'generated' : 'running', data: uri === undefined ? {} : { output_file_uri: uri } };
}

/** As an event says it (G 4.3). */
function errorData({ code, message }: JsonObject): Record<string, string> {
  return { error_code: textOf(code), error_message: textOf(message) };
}
