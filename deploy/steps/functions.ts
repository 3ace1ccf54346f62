import { bindingOf, Gcloud } from '../gcloud.ts';
import { type Account, type FunctionName, type Installation, serviceOf } from '../installation.ts';
import { definitionOf, type Item, LABEL, labelled, type Resource, type Step } from '../plan.ts';

/** Secrets are files, so that a rotation needs no deployment; each has a directory of its own (platform reference 4.3). */
const FILES = {
  signing: { variable: 'WEBHOOK_SIGNING_SECRET_FILE', path: '/secrets/signing/current' },
  routeKey: { variable: 'DYNAMIC_ROUTE_KEY_FILE', path: '/secrets/route/current' },
  apiKey: { variable: 'GEMINI_API_KEY_FILE', path: '/secrets/gemini/current' },
} as const;

interface Shape {
  readonly account: Account;
  readonly secrets: readonly (keyof typeof FILES)[];
  readonly settings: readonly string[];
  readonly flags: readonly string[];
}

/** What each function gets of the platform, and why. */
const SHAPES: Readonly<Record<FunctionName, Shape>> = {
  // Waits for Firestore and Pub/Sub most of the time, so many at once; answers within 8 s by itself.
  geminiCallback: {
    account: 'callback',
    secrets: ['signing', 'routeKey'],
    settings: ['WEBHOOK_AUDIENCE', 'WEBHOOK_TOLERANCE_SECONDS', 'DELIVERY_TTL_DAYS'],
    flags: [
      '--allow-unauthenticated',
      '--ingress-settings=all',
      '--memory=512Mi',
      '--cpu=1',
      '--concurrency=80',
      '--timeout=30s',
      '--max-instances=20',
    ],
  },
  // A stream each, with memory for one; nobody but Pub/Sub calls it, which counts as inside.
  fetchResults: {
    account: 'results',
    secrets: ['apiKey'],
    settings: [],
    flags: [
      '--no-allow-unauthenticated',
      '--ingress-settings=internal-only',
      '--memory=512Mi',
      '--cpu=1',
      '--concurrency=1',
      '--timeout=540s',
      '--max-instances=20',
    ],
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
    flags: [
      '--no-allow-unauthenticated',
      '--ingress-settings=all',
      '--memory=512Mi',
      '--cpu=1',
      '--concurrency=4',
      '--timeout=60s',
      '--max-instances=2',
    ],
  },
  submitJob: {
    account: 'submit',
    secrets: ['apiKey', 'routeKey'],
    settings: [],
    flags: [
      '--no-allow-unauthenticated',
      '--ingress-settings=all',
      '--memory=512Mi',
      '--cpu=1',
      '--concurrency=20',
      '--timeout=60s',
      '--max-instances=10',
    ],
  },
};

/** @param source a digest of what is uploaded. */
export function functions(installation: Installation, source: string): Step {
  const { geminiCallback, fetchResults, reconcileJobs, submitJob } = installation.functions;
  return {
    name: 'functions',
    title: 'Functions',
    items: [
      ...itemsOf(installation, 'geminiCallback', source),
      bindingOf(installation, {
        on: `${geminiCallback}, for anyone: its signature check decides`,
        group: ['run', 'services'],
        name: [serviceOf(geminiCallback), `--region=${installation.region}`],
        member: 'allUsers',
        role: 'roles/run.invoker',
        isLate: true,
      }),
      urlOf(installation, 'CALLBACK_URL', geminiCallback),
      ...itemsOf(installation, 'fetchResults', source),
      urlOf(installation, 'RESULTS_URL', fetchResults),
      ...itemsOf(installation, 'reconcileJobs', source),
      urlOf(installation, 'RECONCILE_URL', reconcileJobs),
      ...itemsOf(installation, 'submitJob', source),
      urlOf(installation, 'SUBMIT_URL', submitJob),
    ],
  };
}

/** The URL that the platform gave, which is also the audience of tokens for it. */
export function urlOf({ project, region }: Installation, name: string, functionName: string): Item {
  const gcloud = new Gcloud({ project });
  const read = gcloud.value('serviceConfig.uri', 'functions', 'describe', functionName, '--gen2', `--region=${region}`);
  return { kind: 'variable', name, value: { read } };
}

function itemsOf(installation: Installation, entryPoint: FunctionName, source: string): readonly Resource[] {
  const gcloud = new Gcloud(installation);
  const { account, flags } = SHAPES[entryPoint];
  const name = installation.functions[entryPoint];
  const place = ['--gen2', `--region=${installation.region}`];
  const wanted = [
    '--runtime=nodejs24',
    '--source=.',
    `--entry-point=${entryPoint}`,
    '--trigger-http',
    `--build-service-account=projects/${installation.project}/serviceAccounts/${installation.accounts.build}`,
    `--service-account=${installation.accounts[account]}`,
    ...flags,
    `--set-env-vars=${environmentOf(installation, entryPoint).join(',')}`,
    `--set-secrets=${mountsOf(installation, entryPoint).join(',')}`,
  ];
  const definition = definitionOf(source, ...wanted);
  const deploy = gcloud.run('functions', 'deploy', name, ...place, ...wanted, `--update-labels=${LABEL}=${definition}`);
  const deployed = labelled(`function ${name}`, definition, {
    read: gcloud.read('functions', 'describe', name, ...place),
    create: deploy,
    update: deploy,
    remove: gcloud.run('functions', 'delete', name, ...place),
    isReady: ({ state }: { state?: string }) => state === 'ACTIVE',
  });
  return [deployed, boostOf(installation, name)];
}

function environmentOf(installation: Installation, entryPoint: FunctionName): readonly string[] {
  const { project, database, topics, bucket, settings } = installation;
  const { secrets, settings: own } = SHAPES[entryPoint];
  const environment: Readonly<Record<string, string | undefined>> = {
    GOOGLE_CLOUD_PROJECT: project,
    FIRESTORE_DATABASE: database,
    EVENTS_TOPIC: topics.events,
    RESULTS_TOPIC: topics.results,
    DEAD_LETTER_TOPIC: topics.deadLetter,
    ...Object.fromEntries(secrets.map((secret) => [FILES[secret].variable, FILES[secret].path])),
    ...Object.fromEntries(own.map((name) => [name, settings[name]])),
    RESULTS_BUCKET: entryPoint === 'fetchResults' ? bucket : undefined,
    // The one starts jobs that are to lead there, the other looks after the webhooks that do.
    CALLBACK_URL: ['submitJob', 'reconcileJobs'].includes(entryPoint) ? '${CALLBACK_URL}' : undefined,
  };
  return Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : `${name}=${value}`));
}

function mountsOf({ secrets }: Installation, entryPoint: FunctionName): readonly string[] {
  return SHAPES[entryPoint].secrets.map((secret) => `${FILES[secret].path}=${secrets[secret]}:latest`);
}

/** `functions deploy` has no flag for it, and whether it turns it on by itself is not documented. */
function boostOf(installation: Installation, functionName: string): Resource {
  const gcloud = new Gcloud(installation);
  const place = [serviceOf(functionName), `--region=${installation.region}`];
  return {
    kind: 'resource',
    title: `more processor at the start of ${functionName}`,
    isLate: true,
    read: gcloud.read('run', 'services', 'describe', ...place),
    isCurrent: (service: { spec?: { template?: { metadata?: { annotations?: Record<string, string> } } } }) =>
      service.spec?.template?.metadata?.annotations?.['run.googleapis.com/startup-cpu-boost'] === 'true',
    create: [gcloud.run('run', 'services', 'update', ...place, '--cpu-boost')],
  };
}
