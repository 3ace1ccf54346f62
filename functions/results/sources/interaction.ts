import type { GoogleGenAI } from '@google/genai';
import { callWithRetry } from '../../gemini/callWithRetry.ts';
import { GeminiError } from '../../gemini/errors.ts';
import { isInteractionName } from '../../gemini/names.ts';
import { isJsonObject, type JsonObject, stringAt } from '../../model/json.ts';
import type { FunctionCall, JobResult } from '../../model/result.ts';

/** A finished interaction, as much of it as is passed on. */
export interface Interaction {
  readonly status: string;
  readonly steps: readonly JsonObject[];
  /** Everything, for the message. */
  readonly fields: JsonObject;
}

/** The resource's own fields and one convenience of the SDK's; its results hold a live `Response` as well (G 2.2). */
const FIELDS = [
  'id',
  'object',
  'model',
  'agent',
  'status',
  'created',
  'updated',
  'previous_interaction_id',
  'labels',
  'steps',
  'output_text',
  'usage',
  'errors',
] as const;

/** An answer may hold a video (G 10.3). */
const ATTEMPT_MILLIS = 120_000;

/**
 * Reads an interaction, by the SDK.
 *
 * @throws {GeminiError} or the signal's reason.
 */
export async function readInteraction(ai: GoogleGenAI, jobName: string, signal: AbortSignal): Promise<Interaction> {
  if (!isInteractionName(jobName))
    throw GeminiError.final('INVALID_ARGUMENT', `${jobName} is not the name of an interaction.`);
  const id = jobName.replace(/^interactions\//, '');
  return await callWithRetry(
    async (attempt) =>
      requireEnded(toInteraction(await ai.interactions.get(id, {}, { maxRetries: 0, signal: attempt }))),
    signal,
    ATTEMPT_MILLIS,
  );
}

function toInteraction(resource: JsonObject): Interaction {
  const fields = Object.fromEntries(FIELDS.map((name) => [name, resource[name]]));
  const steps = Array.isArray(fields['steps']) ? fields['steps'].filter(isJsonObject) : [];
  return { status: stringAt(resource, 'status') ?? 'unknown', steps, fields };
}

function requireEnded(interaction: Interaction): Interaction {
  const { status } = interaction;
  if (status === 'in_progress' || status === 'queued')
    throw new GeminiError(`The interaction is ${status} at Gemini, although its event has arrived.`);
  return interaction;
}

/** The calls that it waits for: all that it made and that nothing has answered yet. */
export function callsOf({ steps }: Interaction): readonly FunctionCall[] {
  const answered = new Set(steps.filter(({ type }) => type === 'function_result').map((step) => step['call_id']));
  return steps
    .filter(({ type, id }) => type === 'function_call' && !answered.has(id))
    .map((step) => ({ id: stringAt(step, 'id'), name: stringAt(step, 'name'), arguments: step['arguments'] }));
}

export interface VideoPart {
  readonly uri?: string | undefined;
  /** Base64: a GET brings it inline even where a URI was asked for (G 10.3). */
  readonly data?: string | undefined;
  readonly mimeType: string;
}

export function videosOf({ steps }: Interaction): readonly VideoPart[] {
  return contentsOf(steps)
    .filter(({ type }) => type === 'video')
    .map((part) => ({
      uri: stringAt(part, 'uri'),
      data: stringAt(part, 'data'),
      mimeType: stringAt(part, 'mime_type') ?? 'video/mp4',
    }));
}

/** What it has come to; its videos are results of their own. Whatever is not complete is an error, also where it has an output. */
export function interactionResult(interaction: Interaction): JobResult {
  const { status, steps } = interaction;
  const response = withoutVideos(interaction);
  if (status === 'completed') return { index: 0, status: 'ok', fields: { response } };
  const fields = { error: errorOf(interaction), ...(steps.length > 0 ? { response } : {}) };
  return { index: 0, status: 'error', fields };
}

/** As Gemini says it; most ends have no error but their name (G 9.3). */
function errorOf({ status, fields: { errors } }: Interaction): unknown {
  const [error] = Array.isArray(errors) ? (errors as unknown[]) : [];
  return error ?? { code: status.toUpperCase(), message: `Gemini says that the interaction is ${status}.` };
}

function withoutVideos({ fields, steps }: Interaction): JsonObject {
  const kept = steps.map((step) =>
    step['type'] === 'model_output' && Array.isArray(step['content'])
      ? { ...step, content: step['content'].filter((part) => !(isJsonObject(part) && part['type'] === 'video')) }
      : step,
  );
  return { ...fields, steps: kept };
}

function contentsOf(steps: readonly JsonObject[]): readonly JsonObject[] {
  return steps
    .filter(({ type }) => type === 'model_output')
    .flatMap((step) => (Array.isArray(step['content']) ? step['content'].filter(isJsonObject) : []));
}
