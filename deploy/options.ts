import { readCallbackConfig } from '../functions/callback/config.ts';
import { BUCKET, DATABASE } from '../functions/config/patterns.ts';
import { readReconcileConfig } from '../functions/reconcile/config.ts';
import { reasonOf, usageError } from '../cli/errors.ts';
import { type InstallationSpec, installationOf } from './installation.ts';
import type { InstallationFlags } from './installationFile.ts';
import { requireRegion } from './regions.ts';

/** Options of `deploy` and `destroy` that describe an installation, as typed. */
export interface Options {
  readonly location?: string;
  readonly database?: string;
  readonly resultsBucket?: string;
  readonly alertEmail?: string;
  readonly exampleSubscription?: true;
  readonly allowUnknownRegion?: true;
  readonly set?: readonly string[];
}

/** Settings of the functions that an installation may choose; all others follow from its resources. */
const SETTINGS = [
  'WEBHOOK_AUDIENCE',
  'WEBHOOK_TOLERANCE_SECONDS',
  'DELIVERY_TTL_DAYS',
  'RECONCILE_PENDING_SECONDS',
  'RECONCILE_JOB_SECONDS',
  'JOB_OVERDUE_SECONDS',
  'RECONCILE_ENABLE_WEBHOOKS',
];

/** Google's limit for the id of a service account, the tightest of all names that carry the prefix. */
const MAX_ACCOUNT_ID = 30;
const LONGEST_ACCOUNT_ID = '-gemini-reconcile'.length;

/** @throws {CliError} `USAGE` where a name is malformed or too long, or a setting is unreadable. */
export function readOptions(options: Options, { project, region, prefix }: InstallationFlags): InstallationSpec {
  const { location = region, database, alertEmail, resultsBucket, set = [] } = options;
  // Loose, since older projects have other ids: a safe word of a command line.
  requireMatch('--project', project, /^\w[\w.:-]{0,127}$/, 'the id of a project, for example my-project');
  requireMatch('--region', region, /^[a-z][a-z0-9-]{0,62}$/, 'a region of Google Cloud, for example europe-west1');
  if (!options.allowUnknownRegion) requireRegion(region);
  requireMatch('--location', location, /^\w[\w-]{0,62}$/, 'a location of Firestore, for example eur3 or europe-west1');
  requireMatch('--prefix', prefix, /^([a-z]([a-z0-9-]*[a-z0-9])?)?$/, 'a-z, 0-9 and -, with a letter first');
  requireShort(prefix);
  requireMatch('--database', database, DATABASE.pattern, DATABASE.expected);
  requireMatch('--alert-email', alertEmail, /^[\w.+-]+@[\w.-]+\.\w+$/, 'an e-mail address');
  requireMatch('--results-bucket', resultsBucket, BUCKET.pattern, BUCKET.expected);
  const settings = Object.fromEntries(set.map(settingOf));
  requireReadable(settings);
  return installationOf({
    project,
    region,
    location,
    database,
    alertEmail,
    settings,
    bucket: resultsBucket,
    hasExample: options.exampleSubscription ?? false,
    prefix: prefix && `${prefix}-`,
  });
}

function requireMatch(option: string, value: string | undefined, pattern: RegExp, expected: string): void {
  if (value !== undefined && !pattern.test(value)) throw usageError(`${option} ${value} must be ${expected}.`);
}

function requireShort(prefix: string): void {
  const longest = MAX_ACCOUNT_ID - LONGEST_ACCOUNT_ID;
  if (prefix.length <= longest) return;
  throw usageError(
    `--prefix ${prefix} is too long: the service account ${prefix}-gemini-reconcile may have ${MAX_ACCOUNT_ID} ` +
      `characters. Use a prefix of at most ${longest} characters.`,
  );
}

function settingOf(text: string): readonly [string, string] {
  const [, name = '', value = ''] = /^(\w+)=([^\s,]+)$/.exec(text) ?? [];
  if (SETTINGS.includes(name)) return [name, value];
  throw usageError(`--set ${text} must be NAME=VALUE, without blanks or commas, NAME one of ${SETTINGS.join(', ')}.`);
}

/** Placeholders for the secrets, which only the cloud has. */
const SECRETS = { WEBHOOK_SIGNING_SECRET: `whsec_${'A'.repeat(32)}`, GEMINI_API_KEY: 'a-key' };

/** Reads settings as the functions do at start, so that a bad value fails before anything is deployed. */
function requireReadable(settings: Readonly<Record<string, string>>): void {
  try {
    for (const read of [readCallbackConfig, readReconcileConfig]) read({ ...SECRETS, ...settings });
  } catch (error) {
    throw usageError(reasonOf(error));
  }
}
