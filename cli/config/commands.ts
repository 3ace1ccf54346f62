import type { Command } from 'commander';
import type { Context } from '../context.ts';

/** Adds `config`: the settings that the other commands would use. */
export function addConfigCommand(program: Command, context: () => Context): void {
  program
    .command('config')
    .description('show the settings of the installation and the source of each; secrets are never printed')
    .addHelpText('after', '\nExample:\n  gemini-callbacks config --project=my-project --region=europe-west1')
    .action(async () => await (await import('./config.ts')).configCommand(context()));
}
