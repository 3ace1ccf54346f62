import { createHash } from 'node:crypto';
import { createReadStream, openAsBlob } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { GoogleGenAI } from '@google/genai';
import { connectGemini } from '../../functions/gemini/client.ts';
import { toGeminiError } from '../../functions/gemini/errors.ts';
import type { SubmitConfig } from '../../functions/submit/config.ts';
import { CliError, reasonOf, usageError } from '../errors.ts';
import type { Terminal } from '../terminal.ts';

/** What Gemini takes as the name of a file, beside `files/` (G 8.2). */
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

/** Of a file that is not there Gemini says that one may not see it (G 8.3). */
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
  // The SDK takes the file piece by piece, and tells nobody how far it is.
  file.slice = (start = 0, end = size, type = '') => {
    terminal.note(`Uploading ${path}: ${Math.floor((start / size) * 100)} % of ${(size / 1e6).toFixed(1)} MB`);
    return slice(start, end, type);
  };
  const named = wanted === undefined ? {} : { name: wanted };
  const { name } = await ai.files.upload({ file, config: { mimeType: 'application/jsonl', ...named } });
  if (name === undefined) throw new Error('Gemini answered without the name of the file.');
  return name;
}
