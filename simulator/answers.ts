import type { Content } from './content.ts';
import { bytesContent } from './content.ts';
import type { Random } from './random.ts';

const OPENINGS = ['In short', 'Roughly speaking', 'As far as one can tell', 'On balance', 'To begin with'];
const CLAIMS = [
  'the question answers itself',
  'it depends on the weather',
  'seven is a good number for that',
  'most people would agree',
  'a second opinion would not hurt',
];

/** A made-up answer that follows from the seed and the prompt. */
export function answerText(prompt: string, random: Random): string {
  const opening = random.pick(`opening/${prompt}`, OPENINGS);
  const claim = random.pick(`claim/${prompt}`, CLAIMS);
  return `${opening}, ${claim}. (You asked: ${prompt})`;
}

/** As a rule of thumb, four characters make a token. */
export function tokens(text: string): number {
  return Math.ceil(text.length / 4);
}

/** A `GenerateContentResponse` (docs/gemini-wire.md 7.4). */
export function generateContentResponse(prompt: string, model: string, random: Random): object {
  const text = answerText(prompt, random);
  const [promptTokenCount, candidatesTokenCount] = [tokens(prompt), tokens(text)];
  return {
    candidates: [{ content: { role: 'model', parts: [{ text }] }, finishReason: 'STOP', index: 0 }],
    usageMetadata: { promptTokenCount, candidatesTokenCount, totalTokenCount: promptTokenCount + candidatesTokenCount },
    modelVersion: model.replace(/^models\//, ''),
    responseId: random.letters(`response/${model}/${prompt}`, 22),
  };
}

/** Bytes that begin like an MP4 file; nothing plays them. */
export function videoContent(label: string, sizeBytes: number, random: Random): Content {
  const header = Buffer.from('\0\0\0\u0018ftypmp42\0\0\0\0mp42isom', 'latin1');
  return bytesContent(Buffer.concat([header, random.bytes(`video/${label}`, sizeBytes - header.length)]));
}

/** Arguments for one call of a declared function: a value of the right type for each property of its JSON schema. */
export function functionArguments(
  properties: Readonly<Record<string, unknown>>,
  callLabel: string,
  random: Random,
): object {
  const values = Object.entries(properties).map(([name, schema]) => {
    return [name, valueOf(name, schema, `${callLabel}/${name}`, random)];
  });
  return Object.fromEntries(values) as object;
}

function valueOf(name: string, schema: unknown, label: string, random: Random): unknown {
  const { type, enum: choices } = Object(schema) as { type?: unknown; enum?: unknown };
  if (Array.isArray(choices) && choices.length > 0) return random.pick(label, choices as unknown[]);
  switch (typeof type === 'string' ? type.toLowerCase() : '') {
    case 'integer':
    case 'number':
      return Math.floor(random.fraction(label) * 100);
    case 'boolean':
      return random.chance(label, 0.5);
    case 'array':
      return [];
    case 'object':
      return {};
    default:
      return `${name} ${random.letters(label, 4)}`;
  }
}
