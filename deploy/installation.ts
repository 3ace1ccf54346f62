import { readCallbackConfig } from '../functions/callback/config.ts';
import { readReconcileConfig } from '../functions/reconcile/config.ts';
import { reasonOf, usageError } from '../cli/errors.ts';

/** One installation in a project: everything that has a name, under a prefix where there are several. */
export interface Installation {
  readonly project: string;
  /** Of the functions, the scheduler and the bucket. */
  readonly region: string;
  /** Of the Firestore database, where it has to be made. */
  readonly location: string;
  readonly database: string;
  readonly topics: { readonly events: string; readonly results: string; readonly deadLetter: string };
  readonly subscriptions: { readonly push: string; readonly deadLetters: string; readonly example: string };
  readonly secrets: { readonly signing: string; readonly routeKey: string; readonly apiKey: string };
  /** E-mail addresses of service accounts: of each function, of each that calls one, and of what builds them. */
  readonly accounts: Readonly<Record<Account, string>>;
  readonly functions: Readonly<Record<FunctionName, string>>;
  readonly schedulerJob: string;
  /** Bucket for results that are too large for a message, and for videos. */
  readonly bucket: string | undefined;
  /** Whom alerts are mailed to. */
  readonly alertEmail: string | undefined;
  /** Settings that differ from the defaults. */
  readonly settings: Readonly<Record<string, string>>;
  /** Before every name; empty for the only installation in a project. */
  readonly prefix: string;
}

export const ACCOUNTS = ['callback', 'results', 'reconcile', 'submit', 'push', 'cron', 'build'] as const;
export type Account = (typeof ACCOUNTS)[number];

export const FUNCTIONS = ['geminiCallback', 'fetchResults', 'reconcileJobs', 'submitJob'] as const;
export type FunctionName = (typeof FUNCTIONS)[number];

export interface Options {
  readonly project: string;
  readonly region: string;
  readonly location?: string;
  readonly prefix?: string;
  readonly database?: string;
  readonly resultsBucket?: string;
  readonly alertEmail?: string;
  readonly set?: readonly string[];
}

/** Settings of the contract that an installation may choose; the others follow from its resources. */
const SETTINGS = [
  'WEBHOOK_AUDIENCE',
  'WEBHOOK_TOLERANCE_SECONDS',
  'DELIVERY_TTL_DAYS',
  'RECONCILE_PENDING_SECONDS',
  'RECONCILE_JOB_SECONDS',
  'JOB_OVERDUE_SECONDS',
  'RECONCILE_ENABLE_WEBHOOKS',
];

/** Loose, since older projects have other ids, and Google knows best which there are: a safe word of a command line. */
const PROJECT = /^\w[\w.:-]{0,127}$/;
const PLACE = /^\w[\w-]{0,62}$/;

/** @throws {CliError} `USAGE` where a name cannot be one, or a setting cannot be read. */
export function installationOf(options: Options): Installation {
  const { project, region, location = region, alertEmail } = options;
  const prefix = options.prefix === undefined ? '' : `${options.prefix}-`;
  const database = options.database ?? (prefix === '' ? '(default)' : `${prefix}gemini`);
  requireMatch('--project', project, PROJECT, 'the id of a project, for example my-project');
  requireMatch('--region', region, PLACE, 'a region of Google Cloud, for example europe-west1');
  requireMatch('--location', location, PLACE, 'a location of Firestore, for example eur3 or europe-west1');
  requireMatch('--prefix', prefix, /^([a-z][a-z0-9-]{0,9}-)?$/, 'at most 10 of a-z 0-9 -, a letter first');
  requireMatch(
    '--database',
    database,
    /^(\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9])$/,
    'the id of a Firestore database',
  );
  requireMatch('--alert-email', alertEmail ?? 'a@b.c', /^[\w.+-]+@[\w.-]+\.\w+$/, 'an e-mail address');
  const settings = Object.fromEntries((options.set ?? []).map(settingOf));
  requireReadable(settings);
  const account = (name: string) => `${prefix}gemini-${name}@${domainOf(project)}.iam.gserviceaccount.com`;
  return {
    project,
    region,
    location,
    database,
    prefix,
    topics: {
      events: `${prefix}gemini-events`,
      results: `${prefix}gemini-results`,
      deadLetter: `${prefix}gemini-dead-letter`,
    },
    subscriptions: {
      push: `${prefix}gemini-events-to-fetch-results`,
      deadLetters: `${prefix}gemini-dead-letters`,
      example: `${prefix}gemini-results-example`,
    },
    secrets: {
      signing: `${prefix}webhook-signing-secret`,
      routeKey: `${prefix}dynamic-route-key`,
      apiKey: `${prefix}gemini-api-key`,
    },
    accounts: fromNames(ACCOUNTS, account),
    functions: fromNames(FUNCTIONS, (name) => `${prefix}${name}`),
    schedulerJob: `${prefix}reconcile-jobs`,
    bucket: options.resultsBucket && bucketOf(options.resultsBucket),
    alertEmail,
    settings,
  };
}

/** The Cloud Run service beneath a function has its name in lower case (platform reference 4.2). */
export function serviceOf(functionName: string): string {
  return functionName.toLowerCase();
}

function fromNames<Name extends string>(names: readonly Name[], make: (name: Name) => string): Record<Name, string> {
  return Object.fromEntries(names.map((name) => [name, make(name)])) as Record<Name, string>;
}

function bucketOf(name: string): string {
  requireMatch('--results-bucket', name, /^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/, 'the name of a bucket, without gs://');
  return name;
}

function settingOf(text: string): readonly [string, string] {
  const [, name = '', value = ''] = /^(\w+)=([^\s,]+)$/.exec(text) ?? [];
  if (SETTINGS.includes(name)) return [name, value];
  throw usageError(`--set ${text} must be NAME=VALUE, without blanks or commas, NAME one of ${SETTINGS.join(', ')}.`);
}

/** What only the cloud knows, while the settings are read as the functions read them. */
const SECRETS = { WEBHOOK_SIGNING_SECRET: `whsec_${'A'.repeat(32)}`, GEMINI_API_KEY: 'a-key' };

/** By the functions' own readers: what they refuse would end them at their start. */
function requireReadable(settings: Readonly<Record<string, string>>): void {
  try {
    for (const read of [readCallbackConfig, readReconcileConfig]) read({ ...SECRETS, ...settings });
  } catch (error) {
    throw usageError(reasonOf(error));
  }
}

/** In the addresses of service accounts the project `example.com:shop` is `shop.example.com`. */
function domainOf(project: string): string {
  return project.split(':').toReversed().join('.');
}

function requireMatch(option: string, value: string, pattern: RegExp, expected: string): void {
  if (!pattern.test(value)) throw usageError(`${option} ${value} must be ${expected}.`);
}
