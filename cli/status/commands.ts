import type { Command } from 'commander';
import type { Context } from '../context.ts';
import type { StatusFlags } from './status.ts';

/** Adds `status`: the state of an installation on one screen. */
export function addStatusCommand(program: Command, context: () => Context): void {
  program
    .command('status')
    .description('show the state of the installation on one screen; exits 1 where an operator must act')
    .option('--watch', 'refresh until Ctrl-C')
    .option('--interval <seconds>', 'pause between two refreshes', '5')
    .addHelpText('after', '\nExample:\n  gemini-callbacks status --watch')
    .action(async (flags: StatusFlags) => await (await import('./status.ts')).statusCommand(flags, context()));
}
