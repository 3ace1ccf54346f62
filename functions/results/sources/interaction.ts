import { buffer } from 'node:stream/consumers';
import { callWithRetry } from '../../gemini/callWithRetry.ts';
import { GeminiError } from '../../gemini/errors.ts';
import type { GeminiHttp } from '../../gemini/http.ts';
import { isInteractionName } from '../../gemini/names.ts';
import { isJsonObject, type JsonObject, parseExact, stringAt } from '../../model/json.ts';
import type { FunctionCall, JobResult } from '../../model/result.ts';
import { tokenUsageIn } from '../../model/tokenUsage.ts';
import { isTooDeep, tooDeepResult } from '../entry.ts';
import { type EntryFields, readEntryFields } from '../entryFields.ts';
import { outputText } from './steps.ts';

/** A finished interaction. */
export interface Interaction {
  readonly status: string;
  /** Numbers that JavaScript would round are `JSON.rawJSON` values. */
  readonly steps: readonly JsonObject[];
  /** The whole resource, as it came. */
  readonly json: Buffer;
  readonly resource: EntryFields;
}

/** The published fields of the resource. `webhook_config` is not among them: its URI proves who may call it. */
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
  'usage',
  'errors',
] as const;
const KNOWN: ReadonlySet<string> = new Set(FIELDS);

/** An answer may hold a video (docs/gemini-wire.md 10.3). */
const ATTEMPT_MILLIS = 120_000;

/**
 * Reads an interaction. The SDK is not used, because it parses answers and so changes long numbers.
 *
 * @throws {GeminiError} or the signal's reason.
 */
export async function readInteraction(gemini: GeminiHttp, jobName: string, signal: AbortSignal): Promise<Interaction> {
  if (!isInteractionName(jobName))
    throw GeminiError.final('INVALID_ARGUMENT', `${jobName} is not the name of an interaction.`);
  return await callWithRetry(
    async (attempt) => {
      const { body } = await gemini.open(`${jobName}?stream=false`, attempt);
      return requireEnded(await toInteraction(await buffer(body)));
    },
    signal,
    ATTEMPT_MILLIS,
  );
}

async function toInteraction(json: Buffer): Promise<Interaction> {
  const resource = await readEntryFields(json, KNOWN);
  if (resource === undefined) throw new GeminiError('Gemini answered with something that is no JSON object.');
  const status = parsedField(resource, 'status');
  const steps = isTooDeep(resource) ? [] : parsedField(resource, 'steps');
  return {
    status: typeof status === 'string' ? status : 'unknown',
    steps: Array.isArray(steps) ? steps.filter(isJsonObject) : [],
    json,
    resource,
  };
}

function parsedField({ fields }: EntryFields, name: (typeof FIELDS)[number]): unknown {
  const field = fields.get(name);
  return field && parseExact(field.value.toString());
}

function requireEnded(interaction: Interaction): Interaction {
  const { status } = interaction;
  if (status === 'in_progress' || status === 'queued')
    throw new GeminiError(`The interaction is ${status} at Gemini, although its event has arrived.`);
  return interaction;
}

/** `true` where the interaction is too deep to be read; its result is an error with its bytes. */
export function isUnreadable({ resource }: Interaction): boolean {
  return isTooDeep(resource);
}

/** Returns the calls without a result. A result answers the first open call of its id: a later turn may use it again. */
export function callsOf({ steps }: Interaction): readonly FunctionCall[] {
  const open: JsonObject[] = [];
  for (const step of steps) {
    if (step['type'] === 'function_call') open.push(step);
    if (step['type'] !== 'function_result') continue;
    const answered = open.findIndex(({ id }) => id === step['call_id']);
    if (answered !== -1) open.splice(answered, 1);
  }
  return open.map((step) => ({ id: stringAt(step, 'id'), name: stringAt(step, 'name'), arguments: step['arguments'] }));
}

export interface VideoPart {
  readonly uri?: string | undefined;
  /** Base64: a GET may give it inline although a URI was requested (docs/gemini-wire.md 10.3). */
  readonly data?: string | undefined;
  readonly mimeType: string;
}

export function videosOf({ steps }: Interaction): readonly VideoPart[] {
  return steps
    .filter(({ type }) => type === 'model_output')
    .flatMap(({ content }) => (Array.isArray(content) ? content.filter(isVideo) : []))
    .map((part) => ({
      uri: stringAt(part, 'uri'),
      data: stringAt(part, 'data'),
      mimeType: stringAt(part, 'mime_type') ?? 'video/mp4',
    }));
}

/** Returns the result of an interaction without its videos. Any status but `completed` is an error, also with output. */
export function interactionResult(interaction: Interaction): JobResult {
  const { status, json, resource } = interaction;
  const counts = resource.fields.get('usage')?.value;
  const usage = counts && tokenUsageIn(JSON.parse(counts.toString()));
  if (isTooDeep(resource)) return { ...tooDeepResult(json, 0), usage };
  const members = [Buffer.concat([Buffer.from('"response":'), responseOf(interaction)])];
  if (status === 'completed') return { index: 0, status: 'ok', fields: {}, members, usage };
  const hasOutput = interaction.steps.length > 0;
  return {
    index: 0,
    status: 'error',
    fields: { error: errorOf(interaction) },
    members: hasOutput ? members : [],
    usage,
  };
}

/** Returns Gemini's error; most statuses have none (docs/gemini-wire.md 9.3). */
function errorOf({ status, resource }: Interaction): unknown {
  const errors = parsedField(resource, 'errors');
  const [error] = Array.isArray(errors) ? (errors as unknown[]) : [];
  return error ?? { code: status.toUpperCase(), message: `The interaction is ${status} at Gemini.` };
}

/** Returns the published fields with their own bytes, and `output_text` as the SDK has it. */
function responseOf(interaction: Interaction): Buffer {
  const { fields } = interaction.resource;
  const members = FIELDS.flatMap((name) =>
    name === 'steps' ? stepsMember(interaction) : (fields.get(name)?.member ?? []),
  );
  const text = outputText(interaction.steps);
  if (text !== undefined) members.push(Buffer.from(`"output_text":${JSON.stringify(text)}`));
  return Buffer.concat([
    Buffer.from('{'),
    ...members.flatMap((member, place) => (place === 0 ? [member] : [Buffer.from(','), member])),
    Buffer.from('}'),
  ]);
}

function stepsMember(interaction: Interaction): Buffer {
  const { steps, resource } = interaction;
  const field = resource.fields.get('steps');
  if (field && videosOf(interaction).length === 0) return field.member;
  return Buffer.from(`"steps":${JSON.stringify(steps.map(withoutVideos))}`);
}

function withoutVideos(step: JsonObject): JsonObject {
  const { type, content } = step;
  if (type !== 'model_output' || !Array.isArray(content)) return step;
  return { ...step, content: content.filter((part) => !isVideo(part)) };
}

function isVideo(part: unknown): part is JsonObject {
  return isJsonObject(part) && part['type'] === 'video';
}
