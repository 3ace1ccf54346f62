import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { CliError } from '../errors.ts';

/** The installation's flags, which every command takes. */
export interface PlaceFlags {
  readonly project?: string;
  readonly region?: string;
  readonly prefix?: string;
  readonly local?: true;
}

/** The place of a deployed installation, with the source of each part. */
export interface Place {
  readonly project: string;
  readonly region: string | undefined;
  /** Empty, or the first part of each resource's name, without its hyphen. */
  readonly prefix: string;
  readonly origins: Readonly<Record<'project' | 'region' | 'prefix', string>>;
}

/** Written by `npm run deploy`, in the folder it was run in. */
export const REMEMBERED_FILE = '.gemini-callbacks.json';

const Remembered = z.object({ project: z.string(), region: z.string(), prefix: z.string().optional() });
type Remembered = z.infer<typeof Remembered>;

/**
 * Decides which deployed installation a command is for: flags first, then `GOOGLE_CLOUD_PROJECT`, then the last
 * deployment that this folder, or one above it, remembers.
 *
 * @returns `undefined` where none of them names a project.
 * @throws {CliError} `INSTALLATION_UNREADABLE` where the remembered installation cannot be read.
 */
export function placeOf(flags: PlaceFlags, variables: NodeJS.ProcessEnv, folder: string): Place | undefined {
  const path = findUp(REMEMBERED_FILE, folder);
  const project = flags.project ?? (variables['GOOGLE_CLOUD_PROJECT'] || undefined);
  const isAskedFor = flags.project !== undefined || flags.region !== undefined || flags.prefix !== undefined;
  const origin = flags.project === undefined ? 'GOOGLE_CLOUD_PROJECT' : '--project';
  const usesEmulators = ['FIRESTORE_EMULATOR_HOST', 'PUBSUB_EMULATOR_HOST'].some((name) => variables[name]);
  if (path === undefined || (usesEmulators && !isAskedFor))
    return project === undefined ? undefined : placeIn(project, origin, flags);
  const remembered = readRemembered(path);
  if (project !== undefined && project !== remembered.project) return placeIn(project, origin, flags);
  return {
    project: remembered.project,
    region: flags.region ?? remembered.region,
    prefix: flags.prefix ?? (flags.region === undefined ? (remembered.prefix ?? '') : ''),
    origins: {
      project: project === undefined ? path : origin,
      region: flags.region === undefined ? path : '--region',
      prefix: flags.prefix === undefined ? path : '--prefix',
    },
  };
}

/** The installation that flags name in a project. */
export function placeIn(project: string, origin: string, { region, prefix = '' }: PlaceFlags): Place {
  const origins = { project: origin, region: '--region', prefix: prefix === '' ? 'default' : '--prefix' };
  return { project, region, prefix, origins };
}

/** The name of a resource of the installation. */
export function prefixed({ prefix }: Place, name: string): string {
  return prefix === '' ? name : `${prefix}-${name}`;
}

/** The flags that name an installation, for a command in a message. */
export function flagsOf({ project, region, prefix }: Place): string {
  const flags = [`--project=${project}`, `--region=${region ?? 'REGION'}`, ...(prefix ? [`--prefix=${prefix}`] : [])];
  return flags.join(' ');
}

/** Finds a file in a folder or the nearest one above it. */
export function findUp(name: string, folder: string): string | undefined {
  const path = join(folder, name);
  if (existsSync(path)) return path;
  return dirname(folder) === folder ? undefined : findUp(name, dirname(folder));
}

function readRemembered(path: string): Remembered {
  try {
    return Remembered.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    const message = `${path} holds no installation. Remove it, and name the installation: --project=… --region=…`;
    throw new CliError('INSTALLATION_UNREADABLE', message, { cause });
  }
}
