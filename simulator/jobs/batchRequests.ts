import { z } from 'zod';
import { embedRequest, generateRequest } from './answers.ts';
import type { EmbedRequest, GenerateRequest } from './answers.ts';
import type { Content } from '../files/content.ts';
import { textLines } from '../files/content.ts';
import { ApiError, checked } from '../errors.ts';
import { eitherSpelling } from '../json.ts';
import { webhookConfigSchema } from '../webhooks/webhooks.ts';

/** The method that a batch calls for each of its requests. */
export type BatchMethod = 'generateContent' | 'embedContent';
export type BatchRequest = GenerateRequest | EmbedRequest;

const SCHEMAS = { generateContent: schemasFor(generateRequest), embedContent: schemasFor(embedRequest) };

type Schemas = (typeof SCHEMAS)[BatchMethod];
type BatchCreation = z.output<Schemas['creation']>['batch'];
export type BatchInput = BatchCreation['inputConfig'];
type InputLine = z.output<Schemas['line']>;

function schemasFor<T extends z.ZodType<BatchRequest>>(request: T) {
  const inlinedRequest = z.strictObject({ request, metadata: z.record(z.string(), z.unknown()).optional() });
  const inputConfig = eitherSpelling({
    fileName: z.string().startsWith('files/').optional(),
    requests: z.strictObject({ requests: z.array(inlinedRequest).min(1) }).optional(),
  }).refine(
    ({ fileName, requests }) => (fileName === undefined) !== (requests === undefined),
    'needs either fileName or requests',
  );
  const batch = eitherSpelling({
    displayName: z.string().optional(),
    model: z.string().optional(),
    priority: z.union([z.string(), z.number()]).optional(),
    inputConfig,
    webhookConfig: webhookConfigSchema.optional(),
  });
  return { creation: z.strictObject({ batch }), line: z.looseObject({ key: z.string().optional(), request }) };
}

/** Parses the body that creates a batch. */
export function parseCreation(method: BatchMethod, body: unknown): BatchCreation {
  return checked(SCHEMAS[method].creation, body).batch;
}

/** Reads the requests of an input file. Throws INVALID_ARGUMENT that names the first bad line. */
export function* readRequests(method: BatchMethod, content: Content): Generator<InputLine> {
  let number = 0;
  for (const line of textLines(content)) {
    number += 1;
    if (line.trim() !== '') yield readLine(method, line, number);
  }
}

function readLine(method: BatchMethod, line: string, number: number): InputLine {
  try {
    return SCHEMAS[method].line.parse(JSON.parse(line));
  } catch (error) {
    throw new ApiError('INVALID_ARGUMENT', `Line ${number} of the input file is not a request: ${String(error)}`);
  }
}
