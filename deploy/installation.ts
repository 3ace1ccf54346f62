import { type FunctionName, FUNCTIONS, serviceNameOf } from '../functions/config/functionNames.ts';
import { VARIABLES } from '../functions/config/variables.ts';
import { Gcloud } from './line.ts';

/** The service accounts, each with its user: one a function, one a caller, and one for the build. */
export const ACCOUNTS = {
  callback: 'geminiCallback',
  results: 'fetchResults',
  reconcile: 'reconcileJobs',
  submit: 'submitJob',
  push: 'Pub/Sub, when it calls fetchResults',
  cron: 'Cloud Scheduler, when it calls reconcileJobs',
  build: 'Cloud Build, when it builds the functions',
} as const;

export type Account = keyof typeof ACCOUNTS;

/** The choices from which the names of an installation follow. */
interface Choices {
  readonly project: string;
  /** Region of the services, the scheduler, the repository and the bucket. */
  readonly region: string;
  /** Location of the Firestore database, used when it is created. */
  readonly location: string;
  /** By default the default database, or with a prefix a separate one. */
  readonly database: string | undefined;
  /** Bucket for results that exceed a message, and for videos. */
  readonly bucket: string | undefined;
  readonly alertEmail: string | undefined;
  /** Settings that differ from the defaults. */
  readonly settings: Readonly<Record<string, string>>;
  /** Creates the subscription of `gemini-results` that consumers can copy. */
  readonly hasExample: boolean;
  /** Prefix of every name with its hyphen; empty for the only installation in a project. */
  readonly prefix: string;
}

/** The names of everything in one installation. */
export type InstallationSpec = ReturnType<typeof installationOf>;

export function installationOf(choices: Choices) {
  const { project, region, prefix } = choices;
  const ownDatabase = prefix === '' ? VARIABLES.FIRESTORE_DATABASE.fallback : `${prefix}gemini`;
  const repository = `${prefix}gemini-callbacks`;
  return {
    ...choices,
    database: choices.database ?? ownDatabase,
    gcloud: new Gcloud(project),
    topics: {
      events: prefix + VARIABLES.EVENTS_TOPIC.fallback,
      results: prefix + VARIABLES.RESULTS_TOPIC.fallback,
      deadLetter: prefix + VARIABLES.DEAD_LETTER_TOPIC.fallback,
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
    /** E-mail addresses of the service accounts. */
    accounts: fromNames(
      Object.keys(ACCOUNTS) as Account[],
      (name) => `${prefix}gemini-${name}@${domainOf(project)}.iam.gserviceaccount.com`,
    ),
    /** Cloud Run services by the functions that they run. */
    services: fromNames(FUNCTIONS, (name) => prefix + serviceNameOf(name)),
    /** Artifact Registry repository of the image, and its address. */
    repository,
    repositoryUri: `${region}-docker.pkg.dev/${project.replace(':', '/')}/${repository}`,
    /** Bucket that `gcloud run deploy --source` uploads to, shared by all services of the region. */
    sourceBucket: `run-sources-${project.replace(':', '-')}-${region}`,
    schedulerJob: `${prefix}reconcile-jobs`,
  };
}

/**
 * Returns a service's deterministic URL, which is known before the service exists.
 *
 * https://cloud.google.com/run/docs/triggering/https-request#deterministic
 */
export function urlOf({ services, region }: InstallationSpec, name: FunctionName): string {
  return `https://${services[name]}-\${PROJECT_NUMBER}.${region}.run.app`;
}

function fromNames<Name extends string>(names: readonly Name[], make: (name: Name) => string): Record<Name, string> {
  return Object.fromEntries(names.map((name) => [name, make(name)])) as Record<Name, string>;
}

/** In the addresses of service accounts the project `example.com:shop` is `shop.example.com`. */
function domainOf(project: string): string {
  return project.split(':').toReversed().join('.');
}
