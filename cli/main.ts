import { Command, CommanderError } from 'commander';
import { ConfigError } from '../functions/platform/config.ts';
import { addDeliveryCommands } from './deliveries/commands.ts';
import { addDoctorCommand } from './doctor/commands.ts';
import { CliError, EXIT, reasonOf } from './errors.ts';
import { addJobCommands } from './jobs/commands.ts';
import { addSubmitCommands } from './submit/commands.ts';
import { Terminal } from './terminal.ts';
import { addWebhookCommands } from './webhooks/commands.ts';

const program = new Command('cli')
  .description('Administers what stands behind the webhooks of the Gemini API.')
  .usage('[--json] <command>')
  .option('--json', 'print results as JSON, for programs')
  .showHelpAfterError('(add --help for what there is)')
  .addHelpText(
    'after',
    '\nExit codes: 0 done, 1 failed, 2 not understood (nothing was done), 3 done but not proved to work.' +
      '\nSettings come by the environment, as for the functions: GEMINI_API_KEY, GOOGLE_CLOUD_PROJECT, …',
  )
  .exitOverride();

const terminal = (): Terminal => new Terminal({ json: program.opts<{ json?: true }>().json ?? false });

addWebhookCommands(program, terminal, process.env);
addJobCommands(program, terminal, process.env);
addDeliveryCommands(program, terminal, process.env);
addSubmitCommands(program, terminal, process.env);
addDoctorCommand(program, terminal, process.env);

const exitCode = await run();
// A client library whose backend is away would go on trying, and keep the process for minutes.
process.stdout.write('', () => process.exit(exitCode));

async function run(): Promise<number> {
  try {
    await program.parseAsync();
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (error instanceof CliError) {
      terminal().failure(error.code, error.message);
      return error.exitCode;
    }
    const isConfig = error instanceof ConfigError;
    terminal().failure(isConfig ? error.code : 'FAILED', reasonOf(error));
    return isConfig ? EXIT.usage : EXIT.failed;
  }
}
