import { ask } from './ask.ts';
import { CliError, usageError } from './errors.ts';
import type { PlaceFlags } from './installation/place.ts';
import type { Installation } from './installation/installation.ts';
import type { InstallationVariable } from './installation/variableGroups.ts';
import { Terminal } from './terminal.ts';

/** Flags that every command takes. */
export interface GlobalFlags extends PlaceFlags {
  readonly json?: true;
  readonly yes?: true;
}

/** The surroundings of a command: the terminal, and the installation that it is for. */
export class Context {
  readonly terminal: Terminal;
  readonly #flags: GlobalFlags;
  readonly #variables: NodeJS.ProcessEnv;
  #installation: Installation | undefined;

  constructor(flags: GlobalFlags, variables: NodeJS.ProcessEnv) {
    this.terminal = new Terminal({ json: flags.json ?? false });
    this.#flags = flags;
    this.#variables = variables;
  }

  /** Loaded when a command first needs it, so that help starts fast. */
  async installation(): Promise<Installation> {
    const { Installation: Class } = await import('./installation/installation.ts');
    this.#installation ??= new Class(this.#flags, this.#variables);
    return this.#installation;
  }

  /**
   * The shell's variables, completed by those that a command needs and that can be found.
   *
   * @throws {CliError} that says what is missing and the command that provides it.
   */
  async settings(...names: readonly InstallationVariable[]): Promise<NodeJS.ProcessEnv> {
    const settings = await (await this.installation()).variables(...names);
    // Firestore's client reads it from the process alone.
    const { FIRESTORE_EMULATOR_HOST: emulator } = settings;
    if (emulator) process.env['FIRESTORE_EMULATOR_HOST'] = emulator;
    return settings;
  }

  /** A command of this program for a message, with the flags that name the installation. */
  command(words: string): string {
    const { project, region, prefix, local } = this.#flags;
    const flags = Object.entries({ project, region, prefix }).flatMap(([name, value]) =>
      value === undefined ? [] : [` --${name}=${value}`],
    );
    return `gemini-callbacks ${words}${flags.join('')}${local ? ' --local' : ''}`;
  }

  /**
   * Asks before something is changed; `--yes` answers.
   *
   * @param action with its object, for example `delete the webhook hook_1`.
   * @throws {CliError} where the answer is not yes: nothing has been changed.
   */
  async confirm(action: string): Promise<void> {
    if (this.#flags.yes) return;
    if (this.terminal.json || !process.stdin.isTTY)
      throw usageError(`This would ${action}. Nothing was changed. Confirm it with --yes.`);
    if (!/^y(es)?$/i.test(await ask(`${capitalized(action)}? [y/N] `)))
      throw new CliError('NOT_CONFIRMED', 'Nothing was changed.');
  }
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
