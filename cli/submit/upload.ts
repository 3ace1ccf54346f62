import { createHash } from 'node:crypto';
import { createReadStream, openAsBlob } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { GoogleGenAI } from '@google/genai';
import { connectGemini } from '../../functions/gemini/client.ts';
import { toGeminiError } from '../../functions/gemini/errors.ts';
import type { SubmitConfig } from '../../functions/submit/config.ts';
import { CliError, reasonOf, usageError } from '../errors.ts';
import type { Terminal } from '../terminal.ts';

/** Gemini's limit for the id in a file's name (docs/gemini-wire.md 8.2). */
const NAME_LENGTH = 40;

/** The type of JSON Lines, and those that the API accepts when it refuses that one (docs/gemini-wire.md 7.4). */
const MIME_TYPES = ['application/jsonl', 'jsonl', 'application/json', 'text/plain'];

const UNSUPPORTED_TYPE = /mime[ _-]?type/i;

interface Prompts {
  readonly path: string;
  readonly idempotencyKey: string | undefined;
  /** Replaces the project's choice of types. */
  readonly mimeType: string | undefined;
}

interface PromptFile {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** The name that a retry finds again. */
  readonly wanted: string | undefined;
}

/**
 * Uploads prompts, unless Gemini has the same file from an earlier command with the same key: a repeated command starts
 * the same job.
 *
 * @returns the name of the file, `files/…`.
 */
export async function upload(
  config: SubmitConfig,
  { path, idempotencyKey, mimeType }: Prompts,
  terminal: Terminal,
): Promise<string> {
  const { size } = await stat(path).catch((error: unknown) => {
    throw usageError(`--file ${path} cannot be read: ${reasonOf(error)}`);
  });
  if (size === 0) throw usageError(`--file ${path} is empty.`);
  const ai = connectGemini(config.gemini);
  const wanted = idempotencyKey === undefined ? undefined : await nameOf(path, config.projectId, idempotencyKey);
  try {
    if (wanted !== undefined && (await isUploaded(ai, wanted))) {
      terminal.note(`${path} has already been uploaded as ${wanted}.`);
      return wanted;
    }
    const types = mimeType === undefined ? MIME_TYPES : [mimeType];
    const name = await sendAsFirstOf(types, ai, { path, size, wanted }, terminal);
    terminal.note(`Uploaded ${path} as ${name}.`);
    return name;
  } catch (error) {
    const reason = toGeminiError(error).message;
    throw new CliError('NOT_UPLOADED', `${path} could not be uploaded: ${reason}`, { cause: error });
  }
}

/** Includes the project: names are unique across all of them. */
async function nameOf(path: string, projectId: string | undefined, idempotencyKey: string): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([projectId, idempotencyKey]));
  for await (const bytes of createReadStream(path)) hash.update(bytes as Buffer);
  return `files/${hash.digest('hex').slice(0, NAME_LENGTH)}`;
}

/** Gemini answers 403 or 404 for a missing file (docs/gemini-wire.md 8.3). */
async function isUploaded(ai: GoogleGenAI, name: string): Promise<boolean> {
  try {
    await ai.files.get({ name });
    return true;
  } catch (error) {
    const { httpStatus } = toGeminiError(error);
    if (httpStatus === 403 || httpStatus === 404) return false;
    throw error;
  }
}

/** Tries the next type only where Gemini refuses one for being unsupported; no job is started by an upload. */
async function sendAsFirstOf(
  types: readonly string[],
  ai: GoogleGenAI,
  file: PromptFile,
  terminal: Terminal,
): Promise<string> {
  const [mimeType = '', ...others] = types;
  try {
    return await send(ai, file, mimeType, terminal);
  } catch (error) {
    const { httpStatus, message } = toGeminiError(error);
    const [next] = others;
    if (next === undefined || httpStatus !== 400 || !UNSUPPORTED_TYPE.test(message)) throw error;
    terminal.note(`Gemini refuses the type ${mimeType}; trying ${next}.`);
    return await sendAsFirstOf(others, ai, file, terminal);
  }
}

async function send(
  ai: GoogleGenAI,
  { path, size, wanted }: PromptFile,
  mimeType: string,
  terminal: Terminal,
): Promise<string> {
  const file = await openAsBlob(path);
  const slice = file.slice.bind(file);
  // The SDK reads the file in slices, and has no callback for progress.
  file.slice = (start = 0, end = size, type = '') => {
    terminal.note(`Uploading ${path}: ${Math.floor((start / size) * 100)} % of ${(size / 1e6).toFixed(1)} MB`);
    return slice(start, end, type);
  };
  const named = wanted === undefined ? {} : { name: wanted };
  const { name } = await ai.files.upload({ file, config: { mimeType, ...named } });
  if (name === undefined) throw new Error('The response of Gemini has no name of the file.');
  return name;
}
