import type { Command } from 'commander';
import { usageError } from './errors.ts';

/** The value of an option that is a number of things. */
export function requireWhole(option: string, text: string, max: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= max) return number;
  throw usageError(`${option} ${text} must be a whole number from 1 to ${max}.`);
}

/** An empty value is a variable of the shell that is not set, and nobody knows what it was to be. */
export function requireGiven(command: Command): void {
  const options = command.options.filter((one) => command.getOptionValue(one.attributeName()) === '');
  const texts = command.registeredArguments.filter((_one, index) => command.args[index] === '');
  const empty = [...options.map(({ flags }) => flags), ...texts.map((one) => `<${one.name()}>`)];
  if (empty.length > 0) throw usageError(`Empty: ${empty.join(', ')}. Is a variable of the shell not set?`);
}
