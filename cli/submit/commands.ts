import type { Command } from 'commander';
import type { SubmitConfig } from '../../functions/submit/config.ts';
import type { Receipt } from '../../functions/submit/pipeline.ts';
import { CliError, reasonOf, usageError } from '../errors.ts';
import { fields, type Terminal } from '../terminal.ts';
import type { Output } from './output.ts';

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
  readonly mimeType?: string;
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
    .option('--mime-type <type>', 'the type of the uploaded file, instead of those that Gemini is known to accept')
    .action(async ({ file, model, displayName, mimeType, ...options }: BatchOptions) => {
      const about = { kind: 'batch', displayName, ...envelopeOf(options) };
      const config = await check({ ...about, request: { model, src: 'files/to-be-uploaded' } }, options, variables);
      const { upload } = await import('./upload.ts');
      const prompts = { path: file, idempotencyKey: options.idempotencyKey, mimeType };
      const src = await upload(config, prompts, terminal());
      await run({ ...about, request: { model, src } }, options, config, terminal(), variables);
    });

  withCommonOptions(group.command('interaction'))
    .description('start an interaction in the background, a Deep Research say')
    .option('--model <name>', 'the model')
    .option('--agent <name>', 'or the agent')
    .requiredOption('--input <text>', 'what it is to do')
    .action(async ({ model, agent, input, ...options }: InteractionOptions) => {
      const submission = { kind: 'interaction', request: { model, agent, input }, ...envelopeOf(options) };
      const config = await check(submission, options, variables);
      await run(submission, options, config, terminal(), variables);
    });
}

function withCommonOptions(command: Command): Command {
  return command
    .requiredOption('--route <name>', 'your name for the pipeline: 1 to 64 of A-Z a-z 0-9 _ -')
    .option('--metadata <json>', 'an object of your own, which comes back with every event and message')
    .option('--idempotency-key <key>', 'the same key starts the same job once, for 24 h')
    .option('--wait', 'follow the job to its end, without asking Gemini meanwhile, and show its output');
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

/**
 * Everything that can be wrong before anything is sent.
 *
 * @throws {ConfigError} where the environment is not complete.
 * @throws {CliError} of usage, where the submission cannot be used.
 */
async function check(
  submission: object,
  { idempotencyKey }: CommonOptions,
  variables: NodeJS.ProcessEnv,
): Promise<SubmitConfig> {
  const [{ readSubmitConfig }, { recordIdOf }, { parseSubmission }] = await Promise.all([
    import('../../functions/submit/config.ts'),
    import('../../functions/submit/pipeline.ts'),
    import('../../functions/submit/submission.ts'),
  ]);
  try {
    parseSubmission(bytesOf(submission));
    recordIdOf(idempotencyKey);
  } catch (error) {
    throw usageError(reasonOf(error));
  }
  return readSubmitConfig(variables);
}

async function run(
  submission: object,
  { idempotencyKey, wait }: CommonOptions,
  config: SubmitConfig,
  terminal: Terminal,
  variables: NodeJS.ProcessEnv,
): Promise<void> {
  const receipt = await submit(submission, idempotencyKey, config);
  if (!wait) {
    terminal.result(receipt, () => fields({ ...receipt }));
    return;
  }
  terminal.note(`Started ${receipt.jobId}.`);
  await follow(receipt, config, terminal, variables);
}

/** In this process, by the function's own code: the job is recorded as the function records it. */
async function submit(submission: object, key: string | undefined, config: SubmitConfig): Promise<Receipt> {
  const [{ connectSubmit }, { Log }] = await Promise.all([
    import('../../functions/submit/runtime.ts'),
    import('../../functions/observability/log.ts'),
  ]);
  const silent = new Log(undefined, () => {});
  try {
    return await connectSubmit(config, silent)(bytesOf(submission), key);
  } catch (error) {
    if (!(error instanceof Error && 'reason' in error)) throw error;
    throw new CliError(String(error.reason), reasonOf(error), { cause: error });
  }
}

/** Waits for the end of the job by its record, and then reads from Gemini, once, what it has given. */
async function follow(
  { jobId, kind }: Receipt,
  config: SubmitConfig,
  terminal: Terminal,
  variables: NodeJS.ProcessEnv,
): Promise<void> {
  const [{ watchJob }, { linesOf }, { outputText, readOutput }] = await Promise.all([
    import('../jobs/watch.ts'),
    import('../jobs/describe.ts'),
    import('./output.ts'),
  ]);
  const { found, failure, remark } = await watchJob(jobId, {}, terminal, variables);
  if (remark) terminal.note(remark);
  const output: Output = found && !failure ? await readOutput({ jobId, kind }, config.gemini) : { results: [] };
  if (output.remark) terminal.note(output.remark);
  if (found) {
    const { results } = output;
    terminal.result({ ...found.record, output: results }, () => [linesOf(found), ...outputText(results)].join('\n'));
  }
  const reason = failure ?? output.failure;
  if (reason) throw reason;
}

function bytesOf(submission: object): Buffer {
  return Buffer.from(JSON.stringify(submission));
}
