import { Command, CommanderError } from 'commander';
import { ConfigError } from '../functions/config/environment.ts';
import { CliError, EXIT, reasonOf } from './errors.ts';
import { requireGiven } from './options.ts';
import { Terminal } from './terminal.ts';

type Add = (program: Command, terminal: () => Terminal, variables: NodeJS.ProcessEnv) => void;

const GROUPS: Readonly<Record<string, () => Promise<Add>>> = {
  webhooks: async () => (await import('./webhooks/commands.ts')).addWebhookCommands,
  jobs: async () => (await import('./jobs/commands.ts')).addJobCommands,
  deliveries: async () => (await import('./deliveries/commands.ts')).addDeliveryCommands,
  submit: async () => (await import('./submit/commands.ts')).addSubmitCommands,
  doctor: async () => (await import('./doctor/commands.ts')).addDoctorCommand,
};

const program = new Command('cli')
  .description('Administers what stands behind the webhooks of the Gemini API.')
  .usage('[--json] <command>')
  .option('--json', 'for programs: the result and a failure as JSON, and no remarks')
  .showHelpAfterError('(add --help for what there is)')
  .addHelpText(
    'after',
    '\nExit codes: 0 done, 1 failed, 2 not understood (nothing was done), 3 done but not proved to work.' +
      '\nSettings come by the environment, as for the functions: GEMINI_API_KEY, GOOGLE_CLOUD_PROJECT, …',
  )
  .configureOutput({ writeErr: (text) => terminal().note(text.trimEnd()) })
  .hook('preAction', (_program, command) => requireGiven(command))
  .exitOverride();

const terminal = (): Terminal => new Terminal({ json: program.opts<{ json?: true }>().json ?? false });

await addCommands(process.argv.slice(2));

const exitCode = await run();
// A client library whose backend is away would go on trying, and keep the process for minutes.
process.stdout.write('', () => process.exit(exitCode));

/** Only the group that is named, or all for the help: the libraries behind one load longer than most commands run. */
async function addCommands(words: readonly string[]): Promise<void> {
  const named = words.find((word) => !word.startsWith('-'));
  const only = named !== undefined && Object.hasOwn(GROUPS, named) ? GROUPS[named] : undefined;
  for (const load of only ? [only] : Object.values(GROUPS)) (await load())(program, terminal, process.env);
}

async function run(): Promise<number> {
  try {
    await program.parseAsync();
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return endOfParsing(error);
    if (error instanceof CliError) {
      terminal().failure(error.code, error.message, error.details);
      return error.exitCode;
    }
    const isConfig = error instanceof ConfigError;
    terminal().failure(isConfig ? error.code : 'FAILED', reasonOf(error));
    return isConfig ? EXIT.usage : EXIT.failed;
  }
}

/** People have been told by the parser. */
function endOfParsing(error: CommanderError): number {
  if (error.exitCode === 0) return EXIT.ok;
  const { code, message } = error;
  const reason =
    code === 'commander.help' ? 'A command is missing; --help shows them.' : message.replace('error: ', '');
  if (terminal().json) terminal().failure('USAGE', reason);
  return EXIT.usage;
}
