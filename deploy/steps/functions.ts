import { nodeOptions } from '../../functions/runtime/nodeOptions.ts';
import { FUNCTIONS, type FunctionName } from '../../functions/config/variables.ts';
import type { Account, InstallationSpec } from '../installation.ts';
import { substitute, Gcloud, type Line } from '../line.ts';
import { LABEL } from '../plan.ts';

/** Secrets are files, so that a rotation needs no deployment; each in a separate directory, because gcloud refuses two in one. */
const FILES = {
  signing: { variable: 'WEBHOOK_SIGNING_SECRET_FILE', path: '/secrets/signing/current' },
  routeKey: { variable: 'DYNAMIC_ROUTE_KEY_FILE', path: '/secrets/route/current' },
  apiKey: { variable: 'GEMINI_API_KEY_FILE', path: '/secrets/gemini/current' },
} as const;

interface Shape {
  readonly account: Account;
  readonly secrets: readonly (keyof typeof FILES)[];
  readonly settings: readonly string[];
  /** Also the names of gcloud's flags. */
  readonly limits: Readonly<Record<'ingress' | 'concurrency' | 'timeout' | 'max-instances', string | number>>;
}

/** Account, secrets and limits of each function, with the reason for the limits. */
const SHAPES: Readonly<Record<FunctionName, Shape>> = {
  // Mostly waits for Firestore and Pub/Sub, so one instance serves many requests; it answers within 8 s.
  geminiCallback: {
    account: 'callback',
    secrets: ['signing', 'routeKey'],
    settings: ['WEBHOOK_AUDIENCE', 'WEBHOOK_TOLERANCE_SECONDS', 'DELIVERY_TTL_DAYS'],
    limits: { ingress: 'all', concurrency: 80, timeout: 30, 'max-instances': 20 },
  },
  // Has memory for one stream. Only Pub/Sub calls it, which counts as internal.
  fetchResults: {
    account: 'results',
    secrets: ['apiKey'],
    settings: [],
    limits: { ingress: 'internal', concurrency: 1, timeout: 540, 'max-instances': 20 },
  },
  reconcileJobs: {
    account: 'reconcile',
    secrets: ['apiKey'],
    settings: [
      'DELIVERY_TTL_DAYS',
      'RECONCILE_PENDING_SECONDS',
      'RECONCILE_JOB_SECONDS',
      'JOB_OVERDUE_SECONDS',
      'RECONCILE_ENABLE_WEBHOOKS',
    ],
    limits: { ingress: 'all', concurrency: 4, timeout: 60, 'max-instances': 2 },
  },
  submitJob: {
    account: 'submit',
    secrets: ['apiKey', 'routeKey'],
    settings: [],
    limits: { ingress: 'all', concurrency: 20, timeout: 60, 'max-instances': 10 },
  },
};

/** Platform settings that all services share, and where a service shows them. */
const MEMORY_MIB = 512;
const MEMORY = `${MEMORY_MIB}Mi`;
const CPU = '1';

/** A Cloud Run service as described for one function. */
export interface Service {
  readonly function: FunctionName;
  readonly name: string;
  /** Digest of the sources that its image should be built from. */
  readonly source: string;
  readonly account: string;
  readonly limits: Shape['limits'];
  /** Values may hold `${VARIABLE}`. */
  readonly environment: Readonly<Record<string, string>>;
  /** Secrets with their versions by the path of their file. */
  readonly mounts: Readonly<Record<string, string>>;
}

export function servicesOf(installation: InstallationSpec, source: string): readonly Service[] {
  return FUNCTIONS.map((name) => {
    const { account, limits, secrets } = SHAPES[name];
    return {
      function: name,
      name: installation.services[name],
      source,
      account: installation.accounts[account],
      limits,
      environment: environmentOf(installation, name),
      mounts: Object.fromEntries(
        secrets.map((secret) => [FILES[secret].path, `${installation.secrets[secret]}:latest`]),
      ),
    };
  });
}

function environmentOf(installation: InstallationSpec, name: FunctionName): Readonly<Record<string, string>> {
  const { project, database, topics, bucket, settings } = installation;
  const { secrets, settings: chosen } = SHAPES[name];
  const environment: Readonly<Record<string, string | undefined>> = {
    FUNCTION_TARGET: name,
    NODE_OPTIONS: nodeOptions(MEMORY_MIB),
    GOOGLE_CLOUD_PROJECT: project,
    FIRESTORE_DATABASE: database,
    EVENTS_TOPIC: topics.events,
    RESULTS_TOPIC: topics.results,
    DEAD_LETTER_TOPIC: topics.deadLetter,
    ...Object.fromEntries(secrets.map((secret) => [FILES[secret].variable, FILES[secret].path])),
    ...Object.fromEntries(chosen.map((setting) => [setting, settings[setting]])),
    RESULTS_BUCKET: name === 'fetchResults' ? bucket : undefined,
    // submitJob starts jobs that call it; reconcileJobs checks the webhooks that do.
    CALLBACK_URL: ['submitJob', 'reconcileJobs'].includes(name) ? '${CALLBACK_URL}' : undefined,
  };
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** Variable with the digest of the built image. */
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
  return new Gcloud(installation).run(
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
  service: Service,
  variables: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const { limits, environment, mounts, account, source } = service;
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

/** Returns a script's variable that names the built image. */
export function imageLine(installation: InstallationSpec): Line {
  const { services, region } = installation;
  const path = 'spec.template.spec.containers[0].image';
  return new Gcloud(installation).value(
    path,
    'run',
    'services',
    'describe',
    services.geminiCallback,
    `--region=${region}`,
  );
}
