import { z } from 'zod';
import { isJsonObject, type JsonObject } from '../model/json.ts';
import { InlineRequest } from './inlineRequest.ts';
import { NO_WEBHOOK } from './noWebhook.ts';

const FILE = /^files\/[\w-]+$/;
const file = z.string().regex(FILE, 'must be files/<id>');

/** Becomes a part of a URL. */
const MODEL = /^(?:(?:models|tunedModels)\/)?[A-Za-z0-9](?:[\w-]|\.(?!\.))*$/;

const inlineRequests = z.array(InlineRequest).min(1, 'must hold a request');

/** The SDK's config: its fields are set by submitJob, or are for another platform. */
const BatchConfig = z.strictObject({
  ...NO_WEBHOOK,
  displayName: z.undefined({ error: 'is a field beside the request: give displayName there' }).optional(),
});

/** Returns the schema of a batch's request. The form of `src` selects one, so that errors name the field inside it. */
export function batchRequestFor({ src }: JsonObject) {
  return z.strictObject({
    model: z
      .string({ error: 'must be given' })
      .regex(MODEL, 'must be the name of a model, for example gemini-3.8-flash'),
    src: schemaOf(src),
    config: BatchConfig.optional(),
    ...NO_WEBHOOK,
  });
}

function schemaOf(src: unknown): z.ZodType {
  if (Array.isArray(src)) return inlineRequests;
  if (typeof src === 'string') return file;
  if (isJsonObject(src) && 'fileName' in src) return z.strictObject({ fileName: file });
  if (isJsonObject(src) && 'inlinedRequests' in src) return z.strictObject({ inlinedRequests: inlineRequests });
  const error = 'must be files/<id>, {"fileName": "files/<id>"}, or a list of requests that each have contents';
  return z.never({ error });
}

/** Returns the inline requests of a checked batch, `undefined` where its prompts are in a file. */
export function inlineRequestsOf({ src }: JsonObject): readonly JsonObject[] | undefined {
  const list = isJsonObject(src) ? src['inlinedRequests'] : src;
  return Array.isArray(list) ? list.filter(isJsonObject) : undefined;
}
