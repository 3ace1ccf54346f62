import { z } from 'zod';
import { NO_WEBHOOK } from './noWebhook.ts';

const label = z.string().regex(/^[a-z0-9_-]{1,63}$/, 'must be 1 to 63 of a-z 0-9 _ -');

const given = z.unknown().optional();

/** Fields of the API's `GenerationConfig` of interactions, by their names in `@google/genai` 3.3.0. */
const GenerationConfig = z.strictObject({
  image_config: given,
  max_output_tokens: given,
  seed: given,
  speech_config: given,
  stop_sequences: given,
  temperature: given,
  thinking_level: given,
  thinking_summaries: given,
  tool_choice: given,
  top_p: given,
  transcription_config: given,
  video_config: given,
});

/** The parameters of `interactions.create` (docs/gemini-wire.md 9.1), without those that submitJob sets. */
export const InteractionRequest = z
  .strictObject({
    model: z.string().min(1).optional(),
    agent: z.string().min(1).optional(),
    input: z.union([z.string().min(1), z.array(z.unknown()).min(1), z.looseObject({})], {
      error: 'must be a text, a content, or a list of contents or steps',
    }),
    previous_interaction_id: z.string().min(1).optional(),
    labels: z
      .record(label, label, { error: 'must be an object of texts, keys and values of 1 to 63 of a-z 0-9 _ -' })
      .refine((labels) => !('submission_id' in labels), 'must not hold submission_id, which submitJob sets')
      .optional(),
    api_version: z
      .string()
      .regex(/^v\d+\w*$/, 'must be a version, for example v1beta')
      .optional(),
    background: z.literal(true, { error: 'is always true here' }).optional(),
    store: z.literal(true, { error: 'must not be false: Gemini stores jobs that run in the background' }).optional(),
    stream: z.literal(false, { error: 'cannot be streamed: its end arrives as a message' }).optional(),
    automatic_continuation: z.literal(true, { error: 'cannot be false for a job in the background' }).optional(),
    generation_config: GenerationConfig.optional(),
    agent_config: given,
    cached_content: given,
    continuation_token: given,
    environment: given,
    response_format: given,
    response_mime_type: given,
    response_modalities: given,
    safety_settings: given,
    service_tier: given,
    system_instruction: given,
    tools: given,
    ...NO_WEBHOOK,
  })
  .refine(({ model, agent }) => (model === undefined) !== (agent === undefined), {
    path: ['model'],
    error: 'either model or agent must be given, and not both',
  });
