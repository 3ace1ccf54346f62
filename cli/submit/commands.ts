import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { usageError } from '../errors.ts';
import { requireObject } from '../optionValues.ts';
import type { CommonOptions } from './submit.ts';

interface BatchOptions extends CommonOptions {
  readonly file: string;
  readonly displayName?: string;
  readonly mimeType?: string;
}

interface InteractionOptions extends CommonOptions {
  readonly agent?: string;
  readonly input: string;
}

/** Adds `submit …`: starts jobs as submitJob does, from this machine. */
export function addSubmitCommands(program: Command, context: () => Context): void {
  const group = program.command('submit').description('start a long job whose end Gemini announces by a callback');

  withCommonOptions(group.command('batch'))
    .description('upload prompts and start a batch')
    .requiredOption('--model <name>', 'model, for example gemini-3.8-flash')
    .requiredOption('--file <path>', 'prompts as JSON Lines: {"key": "r1", "request": {"contents": […]}}')
    .option('--display-name <name>', 'name of the batch at Gemini')
    .option('--mime-type <type>', 'type of the uploaded file, instead of the types that Gemini is known to accept')
    .addHelpText(
      'after',
      '\nExample:\n  gemini-callbacks submit batch --model=gemini-3.8-flash --file=prompts.jsonl --route=nightly --wait',
    )
    .action(async ({ file, model, displayName, mimeType, ...options }: BatchOptions) => {
      const { batchCommand } = await import('./submit.ts');
      await batchCommand(
        { kind: 'batch', displayName, ...envelopeOf(options) },
        { model, file, mimeType },
        options,
        context(),
      );
    });

  withCommonOptions(group.command('interaction'))
    .description('start an interaction in the background, for example Deep Research')
    .option('--model <name>', 'model, for example gemini-3.8-flash')
    .option('--agent <name>', 'agent instead of a model')
    .requiredOption('--input <text>', 'task of the model or agent')
    .addHelpText(
      'after',
      '\nExample:\n  gemini-callbacks submit interaction --model=gemini-3.8-flash --input="Compare …" --route=research --wait',
    )
    .action(async ({ model, agent, input, ...options }: InteractionOptions) => {
      if ((model === undefined) === (agent === undefined))
        throw usageError('Give exactly one of --model and --agent, for example --model=gemini-3.8-flash.');
      const submission = { kind: 'interaction', request: { model, agent, input }, ...envelopeOf(options) };
      await (await import('./submit.ts')).interactionCommand(submission, options, context());
    });
}

function withCommonOptions(command: Command): Command {
  return command
    .requiredOption('--route <name>', 'name of the pipeline: 1 to 64 of A-Z a-z 0-9 _ -')
    .option('--metadata <json>', 'JSON object that every event and message of the job carries')
    .option('--idempotency-key <key>', 'one key starts one job, for 24 h')
    .option('--wait', 'wait until the record shows that the job has ended, and print the output');
}

function envelopeOf({ route, metadata }: CommonOptions): object {
  return { route, ...(metadata === undefined ? {} : { metadata: requireObject('--metadata', metadata) }) };
}
