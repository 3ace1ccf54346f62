import { openAsBlob } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { GoogleGenAI } from '@google/genai';
import type { Command } from 'commander';
import type { Receipt } from '../../functions/submit/handler.ts';
import { connect } from '../connect.ts';
import { CliError, reasonOf, usageError } from '../errors.ts';
import { fields, type Terminal } from '../terminal.ts';

interface CommonOptions {
  readonly model?: string;
  readonly route: string;
  readonly metadata?: string;
  readonly idempotencyKey?: string;
  readonly wait?: true;
}

interface BatchOptions extends CommonOptions {
  readonly file: string;
  readonly displayName?: string;
}

interface InteractionOptions extends CommonOptions {
  readonly agent?: string;
  readonly input: string;
}

/** Adds `submit …`: what `submitJob` does, from here, with the settings of that function. */
export function addSubmitCommands(program: Command, terminal: () => Terminal, variables: NodeJS.ProcessEnv): void {
  const group = program.command('submit').description('start a long job whose end comes as a callback');

  withCommonOptions(group.command('batch'))
    .description('upload prompts and start a batch of them')
    .requiredOption('--model <name>', 'the model, for example gemini-3.8-flash')
    .requiredOption('--file <path>', 'prompts as JSON Lines: {"key": "r1", "request": {"contents": […]}}')
    .option('--display-name <name>', 'a name of your own')
    .action(async ({ file, model, displayName, ...options }: BatchOptions) => {
      const src = await upload(connect(variables).ai, file, terminal());
      const request = { model, src };
      await run({ kind: 'batch', request, displayName, ...envelopeOf(options) }, options, terminal(), variables);
    });

  withCommonOptions(group.command('interaction'))
    .description('start an interaction in the background, a Deep Research say')
    .option('--model <name>', 'the model')
    .option('--agent <name>', 'or the agent')
    .requiredOption('--input <text>', 'what it is to do')
    .action(async ({ model, agent, input, ...options }: InteractionOptions) => {
      const request = { model, agent, input };
      await run({ kind: 'interaction', request, ...envelopeOf(options) }, options, terminal(), variables);
    });
}

function withCommonOptions(command: Command): Command {
  return command
    .requiredOption('--route <name>', 'your name for the pipeline: 1 to 64 of A-Z a-z 0-9 _ -')
    .option('--metadata <json>', 'an object of your own, which comes back with every event and message')
    .option('--idempotency-key <key>', 'the same key starts the same job once, for 24 h')
    .option('--wait', 'follow the job to its end, without asking Gemini');
}

function envelopeOf({ route, metadata }: CommonOptions): object {
  return { route, ...(metadata === undefined ? {} : { metadata: parseMetadata(metadata) }) };
}

function parseMetadata(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw usageError(`--metadata ${text} must be a JSON object, for example '{"team": "search"}'.`);
  }
}

async function run(
  submission: object,
  { idempotencyKey, wait }: CommonOptions,
  terminal: Terminal,
  variables: NodeJS.ProcessEnv,
): Promise<void> {
  const receipt = await submit(submission, idempotencyKey, variables);
  if (!wait) {
    terminal.result(receipt, () => fields({ ...receipt }));
    return;
  }
  terminal.note(`Started ${receipt.jobId}.`);
  const { followJob } = await import('../jobs/commands.ts');
  await followJob(receipt.jobId, {}, terminal, variables);
}

/** In this process, by the function's own code: the job is recorded as the function records it. */
async function submit(submission: object, key: string | undefined, variables: NodeJS.ProcessEnv): Promise<Receipt> {
  const [{ readSubmitConfig }, { connectSubmit }, { Log }] = await Promise.all([
    import('../../functions/submit/config.ts'),
    import('../../functions/submit/runtime.ts'),
    import('../../functions/platform/log.ts'),
  ]);
  const silent = new Log(undefined, () => {});
  try {
    return await connectSubmit(readSubmitConfig(variables), silent)(Buffer.from(JSON.stringify(submission)), key);
  } catch (error) {
    if (!(error instanceof Error && 'reason' in error)) throw error;
    throw new CliError(String(error.reason), reasonOf(error), { cause: error });
  }
}

/** @returns the name of the uploaded file, `files/…`. */
async function upload(ai: GoogleGenAI, path: string, terminal: Terminal): Promise<string> {
  const { size } = await stat(path).catch((error: unknown) => {
    throw usageError(`--file ${path} cannot be read: ${reasonOf(error)}`);
  });
  if (size === 0) throw usageError(`--file ${path} is empty.`);
  const file = await openAsBlob(path);
  const slice = file.slice.bind(file);
  // The SDK takes the file piece by piece, and tells nobody how far it is.
  file.slice = (start = 0, end = size, type = '') => {
    terminal.note(`Uploading ${path}: ${Math.floor((start / size) * 100)} % of ${(size / 1e6).toFixed(1)} MB`);
    return slice(start, end, type);
  };
  try {
    const { name } = await ai.files.upload({ file, config: { mimeType: 'application/jsonl' } });
    if (name === undefined) throw new Error('Gemini answered without the name of the file.');
    terminal.note(`Uploaded ${path} as ${name}.`);
    return name;
  } catch (error) {
    throw new CliError('NOT_UPLOADED', `${path} could not be uploaded: ${reasonOf(error)}`, { cause: error });
  }
}
