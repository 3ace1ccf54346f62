import { usageError } from './errors.ts';

/** The value of an option that is a number of things. */
export function requireWhole(option: string, text: string, max: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= max) return number;
  throw usageError(`${option} ${text} must be a whole number from 1 to ${max}.`);
}
