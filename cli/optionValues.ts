import type { Command } from 'commander';
import { usageError } from './errors.ts';

const UNIT_MILLIS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads an option that is a number of things. */
export function requireWhole(option: string, text: string, max: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= max) return number;
  throw usageError(`${option} ${text} must be a whole number from 1 to ${max}.`);
}

/** Reads an option that is a time: an age such as `2h`, or an RFC 3339 time or date. */
export function requireTime(option: string, text: string, now = Date.now()): Date {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const time = count === undefined ? timeOf(text) : new Date(now - Number(count) * (UNIT_MILLIS[unit] ?? 0));
  if (time !== undefined && !Number.isNaN(time.getTime())) return time;
  throw usageError(`${option} ${text} must be an age (30s, 15m, 2h, 7d) or a time (2026-11-29T08:00:00Z).`);
}

function timeOf(text: string): Date | undefined {
  return /^\d{4}-\d\d-\d\d/.test(text) ? new Date(text) : undefined;
}

/** Reads an option that is a JSON object. */
export function requireObject(option: string, text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {}
  throw usageError(`${option} ${text} must be a JSON object, for example '{"team": "search"}'.`);
}

/** Refuses empty values, which an unset shell variable causes. */
export function requireGiven(command: Command): void {
  const options = command.options.filter((one) => command.getOptionValue(one.attributeName()) === '');
  const texts = command.registeredArguments.filter((_one, index) => command.args[index] === '');
  const empty = [...options.map(({ flags }) => flags), ...texts.map((one) => `<${one.name()}>`)];
  if (empty.length > 0)
    throw usageError(`Empty: ${empty.join(', ')}. Check that the shell's variable is set, or leave the option out.`);
}
