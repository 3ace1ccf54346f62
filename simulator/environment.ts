import { z } from 'zod';
import { ALL_SETTINGS, grouped } from './settings.ts';
import type { SimulatorOptions } from './simulator.ts';

const Program = z.object({
  PORT: z
    .string()
    .regex(/^\d+$/, 'must be a number')
    .transform(Number)
    .refine((port) => port <= 65_535, 'must be at most 65535; 0 takes any free port')
    .default(8_787),
  HOST: z.string().default('127.0.0.1'),
  SEED: z.string().optional(),
  CLOCK: z.enum(['running', 'manual'], "must be 'running' or 'manual'").default('running'),
  CLOCK_START: z.iso
    .datetime({ offset: true, error: 'must be a time like 2026-05-28T20:26:40Z' })
    .transform((time) => Date.parse(time))
    .optional(),
});

const SETTING_PREFIX = 'SIMULATOR_';
const SETTINGS = ALL_SETTINGS.map(({ group, key, schema }) => ({
  variable: variableOf(group, key),
  group,
  key,
  schema,
}));
const SettingVariables = z.strictObject(
  Object.fromEntries(
    SETTINGS.map(({ variable, schema }) => [
      variable,
      z.preprocess((text) => fitting(String(text), schema), schema).optional(),
    ]),
  ),
);

export const HELP = `Usage: gemini-simulator [--port PORT]

Serves the Gemini API's long jobs, their files and their signed webhooks on this machine. Environment variables set
everything; these are the defaults:

  PORT=8787
      Port; 0 takes any free one.
  HOST=127.0.0.1
      Address.
  SEED
      The same seed and the same requests in the same order make the same ids, secrets, keys, results and faults.
  CLOCK=running
      running or manual; a manual clock stands still until it is advanced.
  CLOCK_START
      Time to start from, such as 2026-05-28T20:26:40Z. Default: now.
${SETTINGS.map(describeVariable).join('\n')}`;

/**
 * Returns the options that the variables set: `PORT`, `HOST`, `SEED`, `CLOCK`, `CLOCK_START`, and any setting:
 * `jobs.runningMillis` is `SIMULATOR_JOBS_RUNNING_MILLIS`, in JSON or as text. Empty variables count as missing. Throws a
 * `TypeError` that names every bad one.
 */
export function optionsFromEnvironment(environment: Readonly<Record<string, string | undefined>>): SimulatorOptions {
  const given = Object.entries(environment).filter(([, value]) => value !== '');
  const program = Program.safeParse(Object.fromEntries(given));
  const variables = SettingVariables.safeParse(
    Object.fromEntries(given.filter(([name]) => name.startsWith(SETTING_PREFIX))),
  );
  if (!program.success || !variables.success) {
    const issues = [...(program.error?.issues ?? []), ...(variables.error?.issues ?? [])];
    throw new TypeError(issues.map(describeIssue).join('; '));
  }
  const { PORT, HOST, SEED, CLOCK, CLOCK_START } = program.data;
  const clock = { manual: CLOCK === 'manual', startMillis: CLOCK_START };
  const set = SETTINGS.filter(({ variable }) => variable in variables.data);
  const settings = grouped(set.map(({ variable, group, key }) => ({ group, key, value: variables.data[variable] })));
  return { port: PORT, host: HOST, seed: SEED, clock, settings };
}

function describeIssue(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return `there is no setting ${issue.keys.join(', ')}`;
  return `${String(issue.path[0])}: ${issue.message}`;
}

function describeVariable({ variable, schema }: { variable: string; schema: z.ZodType }): string {
  const { default: initial, description = '', enum: values } = z.toJSONSchema(schema);
  const choices = values === undefined ? '' : ` One of ${values.join(', ')}.`;
  return `  ${variable}=${typeof initial === 'string' ? initial : JSON.stringify(initial)}\n      ${description}${choices}`;
}

function variableOf(group: string, key: string): string {
  const words = key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`);
  return `${SETTING_PREFIX}${group}_${words}`.toUpperCase();
}

/** Returns the JSON value, or the text itself where only that fits, such as an API key of digits. */
function fitting(text: string, schema: z.ZodType): unknown {
  const fits = (value: unknown) => schema.safeParse(value).success;
  const value = jsonOrText(text);
  return !fits(value) && fits(text) ? text : value;
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
