import { createHash } from 'node:crypto';
import { createReadStream, openAsBlob } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { GoogleGenAI } from '@google/genai';
import { connectGemini } from '../../functions/gemini/client.ts';
import { toGeminiError } from '../../functions/gemini/errors.ts';
import type { SubmitConfig } from '../../functions/submit/config.ts';
import { CliError, reasonOf, usageError } from '../errors.ts';
import type { Terminal } from '../terminal.ts';

/** The longest name of a file after `files/` (docs/gemini-wire.md 8.2). */
const NAME_LENGTH = 40;

/**
 * Uploads prompts, unless the same ones are there under the same key: a command that is repeated means the same file, and
 * so the same job.
 *
 * @returns the name of the file, `files/…`.
 */
export async function upload(
  config: SubmitConfig,
  path: string,
  idempotencyKey: string | undefined,
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
      terminal.note(`${path} is uploaded already, as ${wanted}.`);
      return wanted;
    }
    const name = await send(ai, { path, size, wanted }, terminal);
    terminal.note(`Uploaded ${path} as ${name}.`);
    return name;
  } catch (error) {
    const reason = toGeminiError(error).message;
    throw new CliError('NOT_UPLOADED', `${path} could not be uploaded: ${reason}`, { cause: error });
  }
}

/** Other projects' files may have taken a name that is made of the key and the prompts alone. */
async function nameOf(path: string, projectId: string | undefined, idempotencyKey: string): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([projectId, idempotencyKey]));
  for await (const bytes of createReadStream(path)) hash.update(bytes as Buffer);
  return `files/${hash.digest('hex').slice(0, NAME_LENGTH)}`;
}

/** Gemini answers 403 also for a file that does not exist (docs/gemini-wire.md 8.3). */
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

async function send(
  ai: GoogleGenAI,
  { path, size, wanted }: { readonly path: string; readonly size: number; readonly wanted: string | undefined },
  terminal: Terminal,
): Promise<string> {
  const file = await openAsBlob(path);
  const slice = file.slice.bind(file);
  // The SDK reads the file in pieces and reports no progress.
  file.slice = (start = 0, end = size, type = '') => {
    terminal.note(`Uploading ${path}: ${Math.floor((start / size) * 100)} % of ${(size / 1e6).toFixed(1)} MB`);
    return slice(start, end, type);
  };
  const named = wanted === undefined ? {} : { name: wanted };
  const { name } = await ai.files.upload({ file, config: { mimeType: 'application/jsonl', ...named } });
  if (name === undefined) throw new Error('Gemini answered without the name of the file.');
  return name;
}
