import { z } from 'zod';
import { endpointUris, userMetadata } from '../webhooks/webhooks.ts';

/** Content, steps of an earlier interaction, and tools: the types of both SDKs. */
const ITEM_TYPE =
  /^(text|image|audio|video|document|file|user_input|model_output|thought|(code_execution|file_search|function|google_maps|google_search|mcp_server_tool|processing|retrieval|url_context)_(call|result))$/;
const TOOL_TYPE =
  /^(code_execution|computer_use|file_search|function|google_maps|google_search|mcp_server|retrieval|url_context)$/;
const label = z.string().regex(/^[a-z0-9_-]{0,63}$/);
const inputItem = z
  .looseObject({
    type: z.string().regex(ITEM_TYPE, 'is not a type of input'),
    text: z.string().optional(),
    call_id: z.string().optional(),
  })
  .refine(({ type, call_id: call }) => type !== 'function_result' || call !== undefined, {
    path: ['call_id'],
    message: 'is missing; a result answers a call',
  });
const tool = z
  .looseObject({
    type: z.string().regex(TOOL_TYPE, 'is not a type of tool'),
    name: z.string().optional(),
    parameters: z
      .looseObject({ properties: z.record(z.string(), z.unknown()).default({}) })
      .default({ properties: {} }),
  })
  .refine(({ type, name }) => type !== 'function' || name !== undefined, {
    path: ['name'],
    message: 'is missing; it stands beside the type',
  });
const webhook = z
  .strictObject({ uris: endpointUris, user_metadata: userMetadata.optional() })
  .transform((config) => ({ uris: config.uris, userMetadata: config.user_metadata }));
const ignored = z.unknown().optional();
/** Body of `interactions.create`: the fields and the spelling of both SDKs. */
export const interactionCreation = z
  .strictObject({
    model: z.string().optional(),
    agent: z.string().optional(),
    input: z.union([z.string(), inputItem, z.array(inputItem).min(1)]),
    background: z.boolean().default(false),
    store: z.boolean().default(true),
    stream: z.boolean().default(false),
    tools: z.array(tool).default([]),
    previous_interaction_id: z.string().optional(),
    response_format: z.unknown().optional(),
    response_mime_type: z.string().optional(),
    response_modalities: z.array(z.string().toLowerCase()).default([]),
    labels: z.record(label, label).optional(),
    webhook_config: webhook.optional(),
    agent_config: ignored,
    cached_content: ignored,
    continuation_token: ignored,
    environment: ignored,
    generation_config: ignored,
    safety_settings: ignored,
    service_tier: ignored,
    system_instruction: ignored,
  })
  .refine(({ model, agent }) => (model === undefined) !== (agent === undefined), 'needs either model or agent')
  .refine(({ agent, background }) => background || agent?.includes('deep-research') !== true, {
    path: ['background'],
    message: 'this agent runs in the background only',
  })
  .refine(({ background, webhook_config: config }) => background || config === undefined, {
    path: ['webhook_config'],
    message: 'needs background: true',
  })
  .refine(({ background, store }) => store || !background, {
    path: ['store'],
    message: 'background needs store: true',
  });

export type InteractionCreation = z.output<typeof interactionCreation>;
export type InputItem = z.output<typeof inputItem>;
type Tool = z.output<typeof tool>;

export function inputItems(input: InteractionCreation['input']): InputItem[] {
  if (typeof input === 'string') return [{ type: 'text', text: input }];
  return Array.isArray(input) ? input : [input];
}

export function inputText(input: readonly InputItem[]): string {
  return input.map((item) => ('text' in item ? String(item.text) : JSON.stringify(item))).join('\n');
}

export function isFunctionTool(given: Tool): given is Tool & { name: string } {
  return given.type === 'function';
}

export function isFunctionResult(item: InputItem): item is InputItem & { call_id: string } {
  return item.type === 'function_result';
}

/** An output that `response_format` or `response_modalities` requests. */
export interface OutputFormat {
  readonly type: string;
  readonly mimeType?: string | undefined;
  readonly schema?: unknown;
  /** Only of videos: `uri` or `inline`. */
  readonly delivery?: unknown;
}

const outputFormat = z
  .looseObject({
    type: z.enum(['text', 'image', 'audio', 'video']),
    mime_type: z.string().optional(),
    schema: z.unknown().optional(),
    delivery: z.unknown().optional(),
  })
  .transform(({ type, mime_type: mimeType, schema, delivery }) => ({ type, mimeType, schema, delivery }));

/** Lists the requested outputs; text is the default, and video that of Omni models. */
export function outputFormats(given: InteractionCreation): readonly OutputFormat[] {
  const { response_format: format, response_mime_type: mimeType, response_modalities: modalities, model } = given;
  const formats = z.array(outputFormat).safeParse(Array.isArray(format) ? format : [format]);
  if (formats.success && formats.data.length > 0) return formats.data;
  if (model?.includes('omni') === true) return [{ type: 'video' }];
  // Older clients send the schema itself as the response format.
  const text: OutputFormat = { type: 'text', mimeType, schema: format };
  return modalities.length === 0 ? [text] : modalities.map((type) => (type === 'text' ? text : { type }));
}
