import { z } from 'zod';
import { Api, Files, Jwks } from './settings/api.ts';
import { Deliveries, Faults } from './settings/deliveries.ts';
import { Jobs } from './settings/jobs.ts';

export type { ApiFault } from './settings/api.ts';

const SettingsSchema = z.strictObject({
  jobs: Jobs,
  deliveries: Deliveries,
  faults: Faults,
  api: Api,
  files: Files,
  jwks: Jwks,
});

/** Any part of the settings. A list replaces the previous one. */
export const SettingsPatchSchema = z.strictObject({
  jobs: Jobs.partial().optional(),
  deliveries: Deliveries.partial().optional(),
  faults: Faults.partial().optional(),
  api: Api.partial().optional(),
  files: Files.partial().optional(),
  jwks: Jwks.partial().optional(),
});

export type SettingsValues = z.output<typeof SettingsSchema>;
export type SettingsPatch = z.input<typeof SettingsPatchSchema>;

/** Every setting with its group, its key and its schema. */
export const ALL_SETTINGS = Object.entries(SettingsSchema.shape).flatMap(([group, { shape }]) =>
  Object.entries(shape).map(([key, schema]) => ({ group, key, schema: schema as z.ZodType })),
);

export const DEFAULT_SETTINGS: SettingsValues = SettingsSchema.parse(
  grouped(ALL_SETTINGS.map(({ group, key, schema }) => ({ group, key, value: schema.meta()?.['default'] }))),
);

/** The current settings. A patch applies to all later work, waiting deliveries included. */
export class Settings {
  #values: SettingsValues = DEFAULT_SETTINGS;

  constructor(patch: SettingsPatch = {}) {
    this.patch(patch);
  }

  get(): SettingsValues {
    return this.#values;
  }

  /** Throws a `ZodError` that names every bad value, and then changes nothing. */
  patch(patch: SettingsPatch): SettingsValues {
    const checked = SettingsPatchSchema.parse(patch);
    const groups = Object.entries(this.#values).map(([name, values]) => {
      return [name, { ...values, ...checked[name as keyof SettingsValues] }];
    });
    this.#values = SettingsSchema.parse(Object.fromEntries(groups));
    return this.#values;
  }
}

/** Nests values as `{group: {key: value}}`. */
export function grouped(
  values: readonly { group: string; key: string; value: unknown }[],
): Record<string, Record<string, unknown>> {
  const groups: Record<string, Record<string, unknown>> = {};
  for (const { group, key, value } of values) groups[group] = { ...groups[group], [key]: value };
  return groups;
}
