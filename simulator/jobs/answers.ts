import { z } from 'zod';
import { camelKeys } from '../json.ts';
import { pcmAudio, pngImage } from './media.ts';
import type { Random } from '../random.ts';
import { sampleOf } from './samples.ts';
import { tokens, usageMetadata } from './usage.ts';

const OPENINGS = ['In short', 'Roughly speaking', 'As far as one can tell', 'On balance', 'To begin with'];
const CLAIMS = [
  'the question answers itself',
  'it depends on the weather',
  'seven is a good number for that',
  'most people would agree',
  'a second opinion would not hurt',
];
const EMBEDDING_DIMENSIONS = 3_072;

const content = z.looseObject({ parts: z.array(z.looseObject({ text: z.string().optional() })).min(1) });

/** Body of `models.generateContent`, and each request of a batch. */
export const generateRequest = z.looseObject({ contents: z.array(content).min(1) });
export type GenerateRequest = z.output<typeof generateRequest>;

/** Each request of a batch of embeddings. */
export const embedRequest = z.looseObject({ content });
export type EmbedRequest = z.output<typeof embedRequest>;

/** A made-up answer that follows from the seed and the prompt. */
export function answerText(prompt: string, random: Random): string {
  const opening = random.pick(`opening/${prompt}`, OPENINGS);
  const claim = random.pick(`claim/${prompt}`, CLAIMS);
  return `${opening}, ${claim}. (You asked: ${prompt})`;
}

/** JSON that fits the schema, or an object with the answer where no schema is given. */
export function answerJson(prompt: string, schema: unknown, random: Random): string {
  const value = schema === undefined ? { answer: answerText(prompt, random) } : sampleOf(schema, prompt, random);
  return JSON.stringify(value);
}

/** The texts of a request, joined by newlines. */
export function promptText(request: GenerateRequest | EmbedRequest): string {
  const contents = 'contents' in request ? (request as GenerateRequest).contents : [request.content];
  return contents.flatMap(({ parts }) => parts.flatMap(({ text }) => text ?? [])).join('\n');
}

/** A `GenerateContentResponse` with the modalities and the JSON that the request asks for (docs/gemini-wire.md 7.4). */
export function generateContentResponse(request: GenerateRequest, model: string, random: Random): object {
  const prompt = promptText(request);
  const parts = answerParts(prompt, camelKeys(camelKeys(request)['generationConfig']), random);
  return {
    candidates: [{ content: { role: 'model', parts }, finishReason: 'STOP', index: 0 }],
    usageMetadata: usageMetadata(tokens(prompt), tokens(JSON.stringify(parts))),
    modelVersion: model.replace(/^models\//, ''),
    responseId: random.letters(`response/${model}/${prompt}`, 22),
  };
}

/** An `EmbedContentResponse`: a unit vector that follows from the seed and the text. */
export function embedContentResponse(request: EmbedRequest, random: Random): object {
  const text = promptText(request);
  const dimensions = z.number().int().min(1).max(EMBEDDING_DIMENSIONS).catch(EMBEDDING_DIMENSIONS);
  const length = dimensions.parse(camelKeys(request)['outputDimensionality']);
  const values = Array.from(new Int16Array(new Uint8Array(random.bytes(`embedding/${text}`, length * 2)).buffer));
  const norm = Math.hypot(...values);
  return { embedding: { values: values.map((value) => value / norm) }, tokenCount: String(tokens(text)) };
}

function answerParts(prompt: string, config: Readonly<Record<string, unknown>>, random: Random): object[] {
  const modalities = z.array(z.string().toUpperCase()).catch([]).parse(config['responseModalities']);
  const isJson = config['responseMimeType'] === 'application/json';
  const schema = config['responseJsonSchema'] ?? config['responseSchema'] ?? config['_responseJsonSchema'];
  const part = (modality: string): object => {
    switch (modality) {
      case 'IMAGE':
        return inlineData('image/png', pngImage(prompt, random));
      case 'AUDIO':
        return inlineData('audio/L16;codec=pcm;rate=24000', pcmAudio(prompt, random));
      default:
        return { text: isJson ? answerJson(prompt, schema, random) : answerText(prompt, random) };
    }
  };
  return (modalities.length === 0 ? ['TEXT'] : modalities).map(part);
}

function inlineData(mimeType: string, bytes: Buffer): object {
  return { inlineData: { mimeType, data: bytes.toString('base64') } };
}
