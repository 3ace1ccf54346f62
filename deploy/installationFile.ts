import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { usageError } from '../cli/errors.ts';

/** The installation that `deploy` remembers, so that later commands need no flags. */
export interface InstallationFlags {
  readonly project: string;
  readonly region: string;
  /** Prefix of every name without its hyphen; empty for the only installation in a project. */
  readonly prefix: string;
}

export const INSTALLATION_FILE = join(import.meta.dirname, '../.gemini-callbacks.json');

/** @returns the remembered installation, or `undefined` where none was deployed from here. */
export function readInstallationFile(path = INSTALLATION_FILE): InstallationFlags | undefined {
  try {
    const { project, region, prefix = '' } = JSON.parse(readFileSync(path, 'utf8')) as Partial<InstallationFlags>;
    return project === undefined || region === undefined ? undefined : { project, region, prefix };
  } catch {
    return undefined;
  }
}

export function writeInstallationFile({ project, region, prefix }: InstallationFlags, path = INSTALLATION_FILE): void {
  writeFileSync(path, `${JSON.stringify({ project, region, prefix }, null, 2)}\n`);
}

export function removeInstallationFile(path = INSTALLATION_FILE): void {
  rmSync(path, { force: true });
}

/**
 * Completes flags by the remembered installation. Its prefix and region only apply to its own project, and its prefix
 * only where no `--project` is given, so that the flags of one installation never select another.
 *
 * @throws {CliError} `USAGE` where the project or the region is unknown.
 */
export function completeFlags(flags: Partial<InstallationFlags>, path = INSTALLATION_FILE): InstallationFlags {
  const remembered = readInstallationFile(path);
  const project = flags.project ?? remembered?.project;
  const region = flags.region ?? (project === remembered?.project ? remembered?.region : undefined);
  const prefix = flags.prefix ?? (flags.project === undefined ? remembered?.prefix : undefined) ?? '';
  if (project === undefined) throw usageError('--project is not set. Add for example --project=my-project.');
  if (region === undefined) throw usageError('--region is not set. Add for example --region=europe-west1.');
  return { project, region, prefix };
}
