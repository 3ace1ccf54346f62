import { z } from 'zod';

export const HOUR_MILLIS = 3_600_000;
/** Milliseconds, three decades at most, so that sums stay valid dates. */
export const duration = z.number().int().min(0).max(1e12);
/** Milliseconds by the wall clock, up to the longest timer. */
export const wallDuration = z
  .number()
  .int()
  .min(0)
  .max(2 ** 31 - 1);
export const rate = z.number().min(0).max(1);
export const count = z.number().int().min(1);

/** A setting with its default and description, which `GET /admin` and `--help` show. */
export function setting<T extends z.ZodType>(schema: T, initial: z.output<T>, description: string): T {
  return schema.meta({ default: initial, description });
}
