import { nodeOptions } from '../../functions/runtime/nodeOptions.ts';
import { FUNCTIONS, type FunctionName } from '../../functions/config/functionNames.ts';
import { type VariableName, VARIABLES } from '../../functions/config/variables.ts';
import type { Account, InstallationSpec } from '../installation.ts';
import { type Line, substitute, type Variables } from '../line.ts';
import { readBy, type ShellVariable } from '../plan.ts';
import { LABEL } from '../resource.ts';

interface Shape {
  readonly account: Account;
  /** Also the names of gcloud's flags. */
  readonly limits: Readonly<Record<'ingress' | 'concurrency' | 'timeout' | 'max-instances', string | number>>;
}

/** Account and limits of each function, with the reason for the limits. */
const SHAPES: Readonly<Record<FunctionName, Shape>> = {
  // Mostly waits for Firestore and Pub/Sub, so one instance serves many requests; it answers within 8 s.
  geminiCallback: {
    account: 'callback',
    limits: { ingress: 'all', concurrency: 80, timeout: 30, 'max-instances': 20 },
  },
  // Has memory for one stream. Only Pub/Sub calls it, which counts as internal.
  fetchResults: {
    account: 'results',
    limits: { ingress: 'internal', concurrency: 1, timeout: 540, 'max-instances': 20 },
  },
  reconcileJobs: {
    account: 'reconcile',
    limits: { ingress: 'all', concurrency: 4, timeout: 60, 'max-instances': 2 },
  },
  submitJob: {
    account: 'submit',
    limits: { ingress: 'all', concurrency: 20, timeout: 60, 'max-instances': 10 },
  },
};

/** Platform settings that all services share, and where a service shows them. */
const MEMORY_MIB = 512;
const MEMORY = `${MEMORY_MIB}Mi`;
const CPU = '1';

/** Secrets are files, so that a rotation needs no deployment; each in a separate directory, because gcloud refuses two in one. */
const FILES = {
  signing: { variable: 'WEBHOOK_SIGNING_SECRET', path: '/secrets/signing/current' },
  routeKey: { variable: 'DYNAMIC_ROUTE_KEY', path: '/secrets/route/current' },
  apiKey: { variable: 'GEMINI_API_KEY', path: '/secrets/gemini/current' },
} as const;

type Secret = keyof typeof FILES;

function isUsed(variable: string, name: FunctionName): boolean {
  return (VARIABLES[variable as VariableName].usedBy as readonly string[]).includes(name);
}

/** Returns the accounts of the functions that read a secret. */
export function readersOf(secret: Secret): readonly Account[] {
  return FUNCTIONS.filter((name) => isUsed(FILES[secret].variable, name)).map((name) => SHAPES[name].account);
}

/** A Cloud Run service as described for one function. */
export type Service = ReturnType<typeof serviceOf>;

/** @param source digest of the sources that the image should be built from. */
export function serviceOf(installation: InstallationSpec, name: FunctionName, source: string) {
  const { account, limits } = SHAPES[name];
  const { services, accounts, secrets } = installation;
  const files = Object.entries(FILES).filter(([, { variable }]) => isUsed(variable, name));
  return {
    function: name,
    name: services[name],
    source,
    account: accounts[account],
    limits,
    /** Values may hold `${VARIABLE}`. */
    environment: {
      FUNCTION_TARGET: name,
      NODE_OPTIONS: nodeOptions(MEMORY_MIB),
      ...settingsFor(installation, name),
      ...Object.fromEntries(files.map(([, { variable, path }]) => [`${variable}_FILE`, path])),
    } as Readonly<Record<string, string>>,
    /** Secrets with their versions by the path of their file. */
    mounts: Object.fromEntries(
      files.map(([secret, { path }]) => [path, `${secrets[secret as Secret]}:latest`]),
    ) as Readonly<Record<string, string>>,
  };
}

function settingsFor(installation: InstallationSpec, name: FunctionName): Readonly<Record<string, string>> {
  const { project, database, topics, bucket, settings } = installation;
  const all = {
    GOOGLE_CLOUD_PROJECT: project,
    FIRESTORE_DATABASE: database,
    EVENTS_TOPIC: topics.events,
    RESULTS_TOPIC: topics.results,
    DEAD_LETTER_TOPIC: topics.deadLetter,
    ...settings,
    ...(bucket === undefined ? {} : { RESULTS_BUCKET: bucket }),
    CALLBACK_URL: '${CALLBACK_URL}',
  };
  return Object.fromEntries(Object.entries(all).filter(([variable]) => isUsed(variable, name)));
}

/** ShellVariable with the digest of the built image. */
export const IMAGE = 'IMAGE';

/** Returns flags that build the image from the sources, or that use the image that another deployment has built. */
function imageFlags({ repositoryUri, project, accounts }: InstallationSpec, service: Service, isBuild: boolean) {
  // With --image alone a service keeps its base image, on which a complete image does not start.
  if (!isBuild) return [`--image=\${${IMAGE}}`, '--clear-base-image'];
  return [
    '--source=.',
    `--function=${service.function}`,
    '--base-image=nodejs24',
    '--no-automatic-updates',
    `--image=${repositoryUri}/${service.name}`,
    // The build needs no install script, and the package node would download a second Node.js by one.
    '--set-build-env-vars=NPM_CONFIG_IGNORE_SCRIPTS=true',
    `--build-service-account=projects/${project}/serviceAccounts/${accounts.build}`,
  ];
}

/** Tag of a revision that has no traffic yet. */
export const CANDIDATE = 'candidate';

export interface Deployment {
  readonly isBuild: boolean;
  /** Creates a revision without traffic; impossible for a new service. */
  readonly isCandidate: boolean;
}

/** Returns the line that deploys a service. It keeps who may call the service. */
export function deployLine(
  installation: InstallationSpec,
  service: Service,
  { isBuild, isCandidate }: Deployment,
): Line {
  const list = (values: Readonly<Record<string, string>>) =>
    Object.entries(values)
      .map(([name, value]) => `${name}=${value}`)
      .join(',');
  return installation.gcloud.run(
    'run',
    'deploy',
    service.name,
    ...imageFlags(installation, service, isBuild),
    `--region=${installation.region}`,
    `--service-account=${service.account}`,
    '--execution-environment=gen2',
    `--memory=${MEMORY}`,
    `--cpu=${CPU}`,
    '--cpu-boost',
    ...Object.entries(service.limits).map(([name, value]) => `--${name}=${value}`),
    `--set-env-vars=${list(service.environment)}`,
    `--set-secrets=${list(service.mounts)}`,
    `--labels=${LABEL}=${service.source}`,
    ...(isCandidate ? ['--no-traffic', `--tag=${CANDIDATE}`] : []),
  );
}

/** Returns everything that `differencesOf` compares, as described, by the names under which it is reported. */
export function settingsOf(
  { limits, environment, mounts, account, source }: Service,
  variables: Variables,
): Readonly<Record<string, string>> {
  const prefixed = (prefix: string, values: Readonly<Record<string, string | number>>) =>
    Object.entries(values).map(([name, value]) => [`${prefix}${name}`, substitute(String(value), variables)]);
  return Object.fromEntries([
    ['source', source],
    ['service account', account],
    ['memory', MEMORY],
    ['cpu', CPU],
    ...prefixed('', limits),
    ...prefixed('variable ', environment),
    ...prefixed('secret ', mounts),
  ]) as Record<string, string>;
}

/** Returns the image of the service that is built, which all services run. */
export function builtImage({ gcloud, services, region }: InstallationSpec): ShellVariable {
  const place = [services.geminiCallback, `--region=${region}`];
  const path = 'spec.template.spec.containers[0].image';
  return readBy(IMAGE, gcloud.value(path, 'run', 'services', 'describe', ...place));
}
