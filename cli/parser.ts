import { Command } from 'commander';
import packageFile from '../package.json' with { type: 'json' };
import { requireGiven } from './optionValues.ts';

const EPILOGUE = `
Exit codes: 0 done, 1 failed or found a problem, 2 wrong usage, 3 done but not proved to work.

Examples:
  gemini-callbacks status --project=my-project --region=europe-west1
  gemini-callbacks jobs list --state=running --since=2h
  gemini-callbacks events listen --local --forward-to=http://localhost:3000/hook`;

/** Creates the program without its commands. It throws where it would exit. */
export function createParser(): Command {
  return new Command('gemini-callbacks')
    .description('Operates webhooks of the Gemini API on Google Cloud.')
    .usage('[flags] <command>')
    .option('--json', 'print the result as one JSON object, and errors as one JSON object on standard error')
    .version(packageFile.version, '--version', 'print the version')
    .helpOption('--help', 'print help')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(add --help for usage)')
    .addHelpText('after', EPILOGUE)
    .hook('preAction', (_program, command) => requireGiven(command))
    .exitOverride();
}

/** Adds the flags that name the installation, and `--yes`. */
export function addInstallationFlags(program: Command): void {
  program
    .option('--project <id>', 'Google Cloud project of the installation')
    .option('--region <region>', 'region of its functions, for example europe-west1')
    .option('--prefix <name>', 'prefix of its resources, where it has one')
    .option('--local', 'use what npm start runs on this machine')
    .option('--yes', 'answer yes to every question');
}
