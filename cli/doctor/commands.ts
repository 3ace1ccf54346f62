import type { Command } from 'commander';
import type { Context } from '../context.ts';

/** Adds `doctor`: checks of everything that fails silently. */
export function addDoctorCommand(program: Command, context: () => Context): void {
  program
    .command('doctor')
    .description('check everything that fails silently, and print the command that fixes each problem')
    .addHelpText('after', '\nExample:\n  gemini-callbacks doctor --project=my-project --region=europe-west1')
    .action(async () => await (await import('./doctor.ts')).doctorCommand(context()));
}
