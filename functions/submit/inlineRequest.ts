import { z } from 'zod';
import { isJsonObject, type JsonObject } from '../model/json.ts';

/**
 * Fields of the API's `GenerateContentRequest` beside `contents` (docs/gemini-wire.md 7.2), by their names in
 * `@google/genai` 3.3.0. The API accepts camelCase and snake_case alike.
 */
const REQUEST_FIELDS = [
  'cachedContent',
  'continuationToken',
  'labels',
  'model',
  'safetySettings',
  'serviceTier',
  'store',
  'systemInstruction',
  'toolConfig',
  'tools',
] as const;

/** Fields of the API's `GenerationConfig`. */
const GENERATION_FIELDS = [
  'audioTranscriptionConfig',
  'candidateCount',
  'enableAffectiveDialog',
  'enableEnhancedCivicAnswers',
  'frequencyPenalty',
  'imageConfig',
  'logprobs',
  'maxOutputTokens',
  'mediaResolution',
  'presencePenalty',
  'responseFormat',
  'responseJsonSchema',
  'responseLogprobs',
  'responseMimeType',
  'responseModalities',
  'responseSchema',
  'seed',
  'speechConfig',
  'stopSequences',
  'temperature',
  'thinkingConfig',
  'topK',
  'topP',
  'translationConfig',
] as const;

const snakeCase = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const camelCase = (name: string) => name.replaceAll(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());

/** A schema of known fields in either spelling. Their values are for the API to check. */
function knownFields(names: readonly string[]) {
  return Object.fromEntries(
    names.flatMap((name) => [name, snakeCase(name)]).map((name) => [name, z.unknown().optional()]),
  );
}

/** An object of known fields only, each in one spelling. */
function objectOf(shape: z.ZodRawShape) {
  return z.strictObject(shape, { error: 'must be an object' }).superRefine((fields, context) => {
    for (const name of Object.keys(fields)) {
      if (camelCase(name) !== name && camelCase(name) in fields) {
        context.addIssue({ code: 'custom', path: [name], message: `is given twice: also as ${camelCase(name)}` });
      }
    }
  });
}

const content = z.union([z.string().min(1), z.looseObject({})]);

/** Either only contents or only parts: the SDK refuses a mixture, and so would the API. */
const contents = z
  .union([content, z.array(content).min(1)], { error: 'must be a text, a content, or a list of contents or parts' })
  .refine(
    (value) => !Array.isArray(value) || value.every((item) => isContent(item) === isContent(value[0])),
    'must not mix contents and parts: put the parts into contents',
  );

const systemInstruction = z
  .union([z.string().min(1), z.looseObject({}), z.array(content).min(1)], { error: 'must be a text or a content' })
  .optional();

const generationConfig = objectOf(knownFields(GENERATION_FIELDS)).optional();

/**
 * A request of an inline batch, in the form of the API (`systemInstruction`, `generationConfig`, … beside `contents`) or
 * of the SDK (`config`). Fields are in camelCase or snake_case.
 */
export const InlineRequest = objectOf({
  ...knownFields(REQUEST_FIELDS),
  contents,
  systemInstruction,
  system_instruction: systemInstruction,
  metadata: z.record(z.string(), z.unknown(), { error: 'must be an object' }).optional(),
  generationConfig,
  generation_config: generationConfig,
  config: objectOf({
    ...knownFields(REQUEST_FIELDS.filter((name) => name !== 'model')),
    ...knownFields(GENERATION_FIELDS),
    systemInstruction,
    system_instruction: systemInstruction,
  }).optional(),
}).superRefine(({ config, ...fields }, context) => {
  const outside = namesIn(fields, fields['generationConfig'], fields['generation_config']);
  for (const name of Object.keys(isJsonObject(config) ? config : {})) {
    if (!outside.has(camelCase(name))) continue;
    context.addIssue({ code: 'custom', path: ['config', name], message: 'is given twice: also outside config' });
  }
});

function namesIn(...objects: readonly unknown[]): ReadonlySet<string> {
  return new Set(objects.filter(isJsonObject).flatMap((fields) => Object.keys(fields).map(camelCase)));
}

/** An inline request as the API takes it: `InlinedRequest`. */
interface WireRequest {
  readonly request: JsonObject;
  readonly metadata?: unknown;
}

/** Converts a checked inline request to the API's form. Values stay as they are, apart from the SDK's short forms. */
export function toWireRequest(inline: JsonObject): WireRequest {
  const { contents: given, metadata, config, ...rest } = inline;
  const request: Record<string, unknown> = { contents: toContents(given) };
  const generation: Record<string, unknown> = {};
  const fields = { ...rest, ...(isJsonObject(config) ? config : {}) };
  for (const [name, value] of Object.entries(fields)) {
    const field = camelCase(name);
    if (field === 'generationConfig') Object.assign(generation, value);
    else if (field === 'systemInstruction') request[name] = toInstruction(value);
    else if (field === 'model') request[name] = toModelName(value);
    else if (field === 'speechConfig') generation[name] = toSpeechConfig(value);
    else if ((REQUEST_FIELDS as readonly string[]).includes(field)) request[name] = value;
    else generation[name] = value;
  }
  const settings = Object.keys(generation).length > 0 ? { generationConfig: generation } : {};
  return { request: { ...request, ...settings }, ...(metadata === undefined ? {} : { metadata }) };
}

function isContent(value: unknown): boolean {
  return isJsonObject(value) && Array.isArray(value['parts']);
}

function toContents(value: unknown): unknown {
  const items = Array.isArray(value) ? value : [value];
  return isContent(items[0]) ? items : [{ role: 'user', parts: items.map(toPart) }];
}

function toInstruction(value: unknown): unknown {
  if (isContent(value)) return value;
  return { parts: (Array.isArray(value) ? value : [value]).map(toPart) };
}

function toPart(value: unknown): unknown {
  return typeof value === 'string' ? { text: value } : value;
}

function toModelName(value: unknown): unknown {
  return typeof value === 'string' && !value.includes('/') ? `models/${value}` : value;
}

/** The SDK takes the name of a prebuilt voice. */
function toSpeechConfig(value: unknown): unknown {
  return typeof value === 'string' ? { voiceConfig: { prebuiltVoiceConfig: { voiceName: value } } } : value;
}
