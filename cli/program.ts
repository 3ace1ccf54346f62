import { CommanderError } from 'commander';
import { Context, type GlobalFlags } from './context.ts';
import { EXIT } from './errors.ts';
import { reportOf } from './failureReport.ts';
import { GROUPS, type GroupName, hasOwnFlags, isGroup } from './groups.ts';
import { addInstallationFlags, createParser } from './parser.ts';

const program = createParser().configureOutput({
  writeErr: (text) => context().terminal.note(text.trimEnd()),
});

let current: Context | undefined;

/** The context of the command that runs, made when its flags are parsed. */
function context(): Context {
  current ??= new Context(program.opts<GlobalFlags>(), process.env);
  return current;
}

// Some failures of client libraries reach no caller; they are reported without a stack, too.
for (const event of ['uncaughtException', 'unhandledRejection'] as const)
  process.on(event, (error: unknown) => process.exit(report(error)));

await addCommands(process.argv.slice(2));
const exitCode = await run();
// A client library whose backend is unreachable would keep the process alive for minutes.
process.stdout.write('', () => process.exit(exitCode));

/** Adds the named group, or all for help and completion: client libraries load longer than most commands run. */
async function addCommands(words: readonly string[]): Promise<void> {
  const named = isCompletion(words) ? undefined : words.find(isGroup);
  if (named === undefined || !hasOwnFlags(named)) addInstallationFlags(program);
  const names = named === undefined ? (Object.keys(GROUPS) as GroupName[]) : [named];
  const adding = new Set(await Promise.all(names.map(async (name) => await GROUPS[name].load())));
  for (const add of adding) add(program, context);
  if (named === undefined) await addCompletion();
}

function isCompletion([first]: readonly string[]): boolean {
  return first === 'completion' || first === 'complete';
}

/** Adds `completion <shell>`, and `complete`, which the shell's script runs. */
async function addCompletion(): Promise<void> {
  const { default: tab } = await import('@bomb.sh/tab/commander');
  tab(program, { completionCommandName: 'completion' });
}

async function run(): Promise<number> {
  try {
    await program.parseAsync();
    return EXIT.ok;
  } catch (error) {
    return report(error);
  }
}

/** @returns the exit code. */
function report(error: unknown): number {
  const failure = reportOf(error);
  if (failure === undefined) return EXIT.ok;
  const { terminal } = context();
  // The parser has printed its own messages for people.
  if (terminal.json || !(error instanceof CommanderError))
    terminal.failure(failure.code, failure.message, failure.details);
  return failure.exitCode;
}
