import { z } from 'zod';
import { SettingsSchema } from './settings.ts';
import type { SettingsPatch } from './settings.ts';
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
const SETTINGS = Object.entries(SettingsSchema.shape).flatMap(([group, { shape }]) =>
  Object.entries(shape).map(([key, schema]) => ({ variable: variableOf(group, key), group, key, schema })),
);
const SettingVariables = z.strictObject(
  Object.fromEntries(
    SETTINGS.map(({ variable, schema }) => [
      variable,
      z.preprocess((text) => fitting(String(text), schema), schema).optional(),
    ]),
  ),
);

export const HELP = `gemini-simulator: serves the Gemini API's long jobs, their files and their signed webhooks on this machine.

It takes its settings from variables:

  PORT                  default 8787; 0 takes any free port
  HOST                  default 127.0.0.1
  SEED                  the same seed gives the same ids and contents
  CLOCK                 running or manual
  CLOCK_START           a time like 2026-05-28T20:26:40Z
${SETTINGS.map(({ variable }) => `  ${variable}`).join('\n')}

docs/simulator.md describes each.`;

/**
 * The options of the program: `PORT`, `HOST`, `SEED`, `CLOCK`, `CLOCK_START`, and any setting: `jobs.runningMillis` is
 * `SIMULATOR_JOBS_RUNNING_MILLIS`, in JSON or as text. Empty variables count as missing. Throws a `TypeError` that names
 * every bad one.
 */
export function optionsFromEnvironment(environment: Readonly<Record<string, string | undefined>>): SimulatorOptions {
  const given = Object.entries(environment).filter(([, value]) => value !== '');
  const settings = given.filter(([name]) => name.startsWith(SETTING_PREFIX));
  const program = Program.safeParse(Object.fromEntries(given));
  const variables = SettingVariables.safeParse(Object.fromEntries(settings));
  if (!program.success || !variables.success) {
    const issues = [...(program.error?.issues ?? []), ...(variables.error?.issues ?? [])];
    throw new TypeError(issues.map(describe).join('; '));
  }
  const { PORT, HOST, SEED, CLOCK, CLOCK_START } = program.data;
  const clock = { manual: CLOCK === 'manual', startMillis: CLOCK_START };
  return { port: PORT, host: HOST, seed: SEED, clock, settings: patchOf(variables.data) };
}

function describe(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return `there is no setting ${issue.keys.join(', ')}`;
  return `${String(issue.path[0])}: ${issue.message}`;
}

function patchOf(values: Readonly<Record<string, unknown>>): SettingsPatch {
  const patch: Record<string, Record<string, unknown>> = {};
  for (const { variable, group, key } of SETTINGS) {
    if (variable in values) patch[group] = { ...patch[group], [key]: values[variable] };
  }
  return patch;
}

function variableOf(group: string, key: string): string {
  const words = key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`);
  return `${SETTING_PREFIX}${group}_${words}`.toUpperCase();
}

/** The JSON value, or the text as it stands where only that is of the right type: an API key of digits. */
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
