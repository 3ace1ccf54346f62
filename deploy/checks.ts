import { CliError } from '../cli/errors.ts';
import { adviceOn } from './advice.ts';
import { resolve } from './apply.ts';
import type { InstallationSpec } from './installation.ts';
import { line } from './line.ts';
import type { Step } from './plan.ts';
import type { Shell } from './shell.ts';
import { projectVariables } from './steps/project.ts';

/** The oldest gcloud that has every flag of the plan; `--no-invoker-iam-check` is the newest of them. */
const MINIMUM_GCLOUD = 528;
const NEWEST_FLAG = '--no-invoker-iam-check';

/** Steps that use Google's client libraries. */
const CLIENT_STEPS = new Set(['rules', 'webhook', 'doctor']);

/**
 * Verifies gcloud's version, the accounts, the project and its billing before anything changes, and sets the project's
 * variables.
 *
 * @returns the account that gcloud uses.
 * @throws {CliError} with the command that fixes the problem.
 */
export async function requireReady(
  installation: InstallationSpec,
  steps: readonly Step[],
  shell: Shell,
): Promise<string> {
  const { project } = installation;
  await requireGcloud(shell);
  const account = await requireAccount(shell);
  // Reported before other errors: without the project, anything missing would look as if it could be created.
  const number = await shell.run(line('gcloud', 'projects', 'describe', project, '--format=value(projectNumber)'));
  if (number.exitCode !== 0) throw notVisible(project, account, number.stderr);
  shell.set('PROJECT_NUMBER', number.stdout.trim());
  for (const variable of projectVariables(installation)) await resolve(variable, shell);
  await requireBilling(project, shell);
  if (steps.some(({ name }) => CLIENT_STEPS.has(name)))
    await shell.require(
      'Application default credentials',
      line('gcloud', 'auth', 'application-default', 'print-access-token'),
    );
  return account;
}

async function requireGcloud(shell: Shell): Promise<void> {
  const printed = await shell.require('Version of gcloud', line('gcloud', 'version', '--format=json'));
  const { 'Google Cloud SDK': version = '' } = JSON.parse(printed) as Readonly<Record<string, string>>;
  if (Number.parseInt(version, 10) >= MINIMUM_GCLOUD) return;
  throw new CliError(
    'GCLOUD_TOO_OLD',
    `gcloud ${version} is too old for ${NEWEST_FLAG}, which needs ${MINIMUM_GCLOUD}.0.0. Run: gcloud components update`,
  );
}

async function requireAccount(shell: Shell): Promise<string> {
  const list = line('gcloud', 'auth', 'list', '--filter=status:ACTIVE', '--format=value(account)');
  const account = (await shell.require('Account of gcloud', list)).trim();
  if (account !== '') return account;
  // Credentials in the environment have no account.
  const token = await shell.run(line('gcloud', 'auth', 'print-access-token'));
  if (token.exitCode === 0) return 'the account of the environment';
  throw new CliError('NO_ACCOUNT', 'gcloud has no active account. Run: gcloud auth login');
}

function notVisible(project: string, account: string, stderr: string): CliError {
  const isHidden = /PERMISSION_DENIED|permission|NOT_FOUND|not found|\b40[34]\b/i.test(stderr);
  const advice = isHidden
    ? `Either the project does not exist, or this is the wrong account. List the projects that it sees with "gcloud projects ` +
      'list", or sign in with another one: gcloud auth login'
    : adviceOn(stderr);
  return new CliError(
    'PROJECT_NOT_VISIBLE',
    `${account} cannot read the project ${project}.\n${stderr.trim()}\n→ ${advice}`,
  );
}

/** Passes for an account that may not read the billing state: then the first command that needs billing fails. */
async function requireBilling(project: string, shell: Shell): Promise<void> {
  const words = ['billing', 'projects', 'describe', project, '--format=value(billingEnabled)'];
  const { exitCode, stdout } = await shell.run(line('gcloud', ...words));
  if (exitCode !== 0 || !/^false$/i.test(stdout.trim())) return;
  throw new CliError(
    'NO_BILLING',
    `The project ${project} has no billing account. Link one at ` +
      `https://console.cloud.google.com/billing/linkedaccount?project=${project}, then run the same command again.`,
  );
}
