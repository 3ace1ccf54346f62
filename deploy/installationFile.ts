import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { usageError } from '../cli/errors.ts';
import { findUp, type PlaceFlags, placeOf, REMEMBERED_FILE } from '../cli/installation/place.ts';

/** The flags of the installation that `deploy` remembers, so that later commands need none. */
export interface InstallationFlags {
  readonly project: string;
  readonly region: string;
  /** Prefix of every name without its hyphen; empty for the only installation in a project. */
  readonly prefix: string;
}

/**
 * Completes flags as the command line does, by the environment and the installation remembered in a folder.
 *
 * @throws {CliError} `USAGE` where the project or the region is unknown.
 */
export function completeFlags(flags: PlaceFlags, variables: NodeJS.ProcessEnv, folder: string): InstallationFlags {
  const { project, region, prefix = '' } = placeOf(flags, variables, folder) ?? {};
  if (project === undefined) throw usageError('--project is not set. Add for example --project=my-project.');
  if (region === undefined) throw usageError('--region is not set. Add for example --region=europe-west1.');
  return { project, region, prefix };
}

export function rememberInstallation({ project, region, prefix }: InstallationFlags, folder: string): void {
  writeFileSync(join(folder, REMEMBERED_FILE), `${JSON.stringify({ project, region, prefix }, null, 2)}\n`);
}

/** Removes the remembered installation if it is this one. */
export function forgetInstallation(flags: InstallationFlags, folder: string): void {
  const path = findUp(REMEMBERED_FILE, folder);
  if (path === undefined) return;
  const { project, region, prefix } = completeFlags({}, {}, folder);
  if (project === flags.project && region === flags.region && prefix === flags.prefix) rmSync(path);
}
