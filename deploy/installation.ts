/** The names of everything in one installation. */
export interface Installation {
  readonly project: string;
  /** Region of the services, the scheduler, the repository and the bucket. */
  readonly region: string;
  /** Location of the Firestore database, used when it is created. */
  readonly location: string;
  readonly database: string;
  readonly topics: { readonly events: string; readonly results: string; readonly deadLetter: string };
  readonly subscriptions: { readonly push: string; readonly deadLetters: string; readonly example: string };
  /** Creates the subscription of `gemini-results` that consumers can copy. */
  readonly hasExample: boolean;
  readonly secrets: { readonly signing: string; readonly routeKey: string; readonly apiKey: string };
  /** E-mail addresses of the service accounts: of each function, of each caller, and of the build. */
  readonly accounts: Readonly<Record<Account, string>>;
  /** Cloud Run services by the functions that they run. */
  readonly services: Readonly<Record<FunctionName, string>>;
  /** Artifact Registry repository of the image, and its address. */
  readonly repository: string;
  readonly repositoryUri: string;
  /** Bucket that `gcloud run deploy --source` uploads to, shared by all services of the region. */
  readonly sourceBucket: string;
  readonly schedulerJob: string;
  /** Bucket for results that exceed a message, and for videos. */
  readonly bucket: string | undefined;
  readonly alertEmail: string | undefined;
  /** Settings that differ from the defaults. */
  readonly settings: Readonly<Record<string, string>>;
  /** Prefix of every name with its hyphen; empty for the only installation in a project. */
  readonly prefix: string;
}

export const ACCOUNTS = ['callback', 'results', 'reconcile', 'submit', 'push', 'cron', 'build'] as const;
export type Account = (typeof ACCOUNTS)[number];

export const FUNCTIONS = ['geminiCallback', 'fetchResults', 'reconcileJobs', 'submitJob'] as const;
export type FunctionName = (typeof FUNCTIONS)[number];

type Choices = Pick<
  Installation,
  'project' | 'region' | 'location' | 'bucket' | 'alertEmail' | 'settings' | 'hasExample' | 'prefix'
> & { readonly database: string | undefined };

export function installationOf(choices: Choices): Installation {
  const { project, region, prefix, database = prefix === '' ? '(default)' : `${prefix}gemini` } = choices;
  const account = (name: string) => `${prefix}gemini-${name}@${domainOf(project)}.iam.gserviceaccount.com`;
  const repository = `${prefix}gemini-callbacks`;
  return {
    ...choices,
    database,
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
    services: fromNames(
      FUNCTIONS,
      (name) => prefix + name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    ),
    repository,
    repositoryUri: `${region}-docker.pkg.dev/${project.replace(':', '/')}/${repository}`,
    sourceBucket: `run-sources-${project.replace(':', '-')}-${region}`,
    schedulerJob: `${prefix}reconcile-jobs`,
  };
}

/**
 * Returns a service's deterministic URL, which is known before the service exists.
 *
 * https://cloud.google.com/run/docs/triggering/https-request#deterministic
 */
export function urlOf({ services, region }: Installation, name: FunctionName): string {
  return `https://${services[name]}-\${PROJECT_NUMBER}.${region}.run.app`;
}

function fromNames<Name extends string>(names: readonly Name[], make: (name: Name) => string): Record<Name, string> {
  return Object.fromEntries(names.map((name) => [name, make(name)])) as Record<Name, string>;
}

/** In the addresses of service accounts the project `example.com:shop` is `shop.example.com`. */
function domainOf(project: string): string {
  return project.split(':').toReversed().join('.');
}
