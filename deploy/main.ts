import { Command, CommanderError } from 'commander';
import { CliError, EXIT, reasonOf } from '../cli/errors.ts';
import { Terminal } from '../cli/terminal.ts';
import { addDeployCommand, addDestroyCommand } from './commands.ts';

/** `npm run deploy` and `npm run destroy`: the same as the commands of the command line, for a first use without it. */

const program = new Command().option('--json', 'print one JSON object').exitOverride();
const terminal = () => new Terminal({ json: program.opts<{ json?: true }>().json ?? false });
for (const add of [addDeployCommand, addDestroyCommand]) add(program, () => ({ terminal: terminal() }));

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError))
    terminal().failure(error instanceof CliError ? error.code : 'FAILED', reasonOf(error));
  process.exitCode = exitCodeOf(error);
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  return error instanceof CliError ? error.exitCode : EXIT.failed;
}
