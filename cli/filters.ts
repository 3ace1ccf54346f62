import { type Command, Option } from 'commander';
import { canonicalJobName } from '../functions/model/jobName.ts';
import { isRoute } from '../functions/model/route.ts';
import { usageError } from './errors.ts';
import { requireTime, requireWhole } from './optionValues.ts';

const MAX_LIMIT = 1_000;

/** Filters of lists and of bulk commands, as they are typed. */
export interface FilterFlags {
  readonly state?: string;
  readonly type?: string;
  readonly route?: string;
  readonly job?: string;
  readonly since?: string;
}

/** The part of a list to print, as it is typed. */
export interface PageFlags {
  readonly limit: string;
  readonly pageToken?: string;
}

/** Values that a query compares, by the names of the filters. */
export interface Filter {
  readonly state?: string | undefined;
  readonly type?: string | undefined;
  readonly route?: string | undefined;
  /** The names that the job may have: a bare id does not say its kind. */
  readonly job?: readonly string[] | undefined;
  readonly since?: Date | undefined;
}

export interface Page {
  readonly limit: number;
  /** The id of the last document of the page before. */
  readonly after?: string | undefined;
}

/** One page of a list, and where the next begins. */
export interface Listed<Item> {
  readonly items: readonly Item[];
  readonly nextPageToken?: string | undefined;
}

export function withFilters(command: Command, states: readonly string[]): Command {
  return command
    .addOption(new Option('--state <state>', 'only in this state').choices(states))
    .option('--type <type>', 'only of this event type, for example batch.succeeded')
    .option('--route <name>', 'only of this route')
    .option('--job <id>', 'only of this job')
    .option('--since <time>', 'only since an age (30s, 15m, 2h, 7d) or a time (2026-11-29T08:00:00Z)');
}

export function withPages(command: Command): Command {
  return command
    .option('--limit <number>', `the number of items, at most ${MAX_LIMIT}`, '20')
    .option('--page-token <token>', 'continue after the page that printed this token');
}

export function readFilter({ state, type, route, job, since }: FilterFlags): Filter {
  if (route !== undefined && !isRoute(route)) throw usageError(`--route ${route} must be 1 to 64 of A-Z a-z 0-9 _ -`);
  return {
    state,
    type,
    route,
    job: job === undefined ? undefined : jobNamesOf(job),
    since: since === undefined ? undefined : requireTime('--since', since),
  };
}

export function readPage({ limit, pageToken }: PageFlags): Page {
  return { limit: requireWhole('--limit', limit, MAX_LIMIT), after: pageToken };
}

/** The names that a user may mean by a job's name, its document's id, or the name without its collection. */
export function jobNamesOf(id: string): readonly string[] {
  const name = /^[a-z]+~[^~]+$/.test(id) ? id.replace('~', '/') : id;
  const names = (['batch', 'interaction'] as const).map((kind) => canonicalJobName(kind, name));
  return [...new Set([...names, name])];
}
