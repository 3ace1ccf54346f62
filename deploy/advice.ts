/** An error of gcloud or Google Cloud that a first deployment meets, and what to do about it. */
interface Advice {
  readonly pattern: RegExp;
  /** The reason where the error passes; what to do where it does not. */
  readonly advice: string;
  /** Public report of the error, or Google's page about it. */
  readonly source: string;
}

/** Errors that pass without a change: the line runs again until they have passed. Checked in this order. */
export const TRANSIENT_ERRORS: readonly Advice[] = [
  {
    pattern: /Cannot find metric/i,
    advice: 'A new log-based metric takes up to 10 minutes to appear.',
    source: 'https://cloud.google.com/logging/docs/logs-based-metrics/troubleshooting',
  },
  {
    pattern: /SERVICE_DISABLED|has not been used in project|is not enabled\. Run: gcloud services enable/i,
    advice: 'A newly enabled API takes minutes to propagate.',
    source: 'https://cloud.google.com/service-usage/docs/enable-disable',
  },
  {
    pattern: /repository metadata|\buploadArtifacts\b|artifactregistry\.repositories\.(get|download)/i,
    advice: 'A new repository, or a role on it, takes minutes to propagate.',
    source: 'https://github.com/firebase/firebase-tools/issues/5588',
  },
  {
    pattern: /permission to read the image|Service Agent[^\n]*(must have|does not have)/i,
    advice: "Google creates Cloud Run's service agent with the first service; its role takes minutes to propagate.",
    source: 'https://cloud.google.com/run/docs/troubleshooting#image-permission',
  },
  {
    pattern: /Service account[^\n]*(does not exist|was not found)|\bactAs\b/i,
    advice: 'A new service account takes minutes to propagate.',
    source: 'https://github.com/firebase/firebase-tools/issues/10859',
  },
  {
    pattern: /missing permission[^\n]*build service account|storage\.objects\.(get|list)|Storage Object Viewer/i,
    advice: "The build account's roles take minutes to propagate.",
    source: 'https://cloud.google.com/build/docs/cloud-build-service-account-updates',
  },
  {
    pattern:
      /Permission denied on secret|(denied|permission)[^\n]*@[\w.-]*gserviceaccount\.com|gserviceaccount\.com[^\n]*(denied|does not have)/i,
    advice: 'A new role takes minutes to propagate.',
    source: 'https://cloud.google.com/iam/docs/access-change-propagation',
  },
  {
    pattern: /\bABORTED\b|too much contention|underlying data changed|concurrent policy changes/i,
    advice: 'Another change of the same resource is under way.',
    source: 'https://cloud.google.com/iam/docs/retry-strategy',
  },
  {
    pattern: /quota[^\n]*per minute/i,
    advice: "The API's quota per minute is used up.",
    source: 'https://cloud.google.com/docs/quotas/troubleshoot',
  },
];

/** Errors that need a person. */
const FAILURES: readonly Omit<Advice, 'source'>[] = [
  {
    pattern: /invoker_iam_disabled|requireInvokerIam/i,
    advice:
      'The organisation policy constraints/run.managed.requireInvokerIam keeps services from being public. Either ask an ' +
      'administrator for an exception for this project, or put an external load balancer with a serverless NEG in front ' +
      'of the service and set CALLBACK_URL to its URL.',
  },
  { pattern: /active account|gcloud auth login|Reauthentication/i, advice: 'Run: gcloud auth login' },
  { pattern: /default credentials/i, advice: 'Run: gcloud auth application-default login' },
  {
    pattern: /command not found/i,
    advice: 'Install the Google Cloud SDK: https://cloud.google.com/sdk/docs/install',
  },
  {
    pattern: /billing/i,
    advice: 'Link a billing account to the project: https://console.cloud.google.com/billing/linkedaccount',
  },
  {
    pattern: /GEMINI_API_KEY/,
    advice:
      'GEMINI_API_KEY is not set. Create a key at https://aistudio.google.com/apikey, then run: export GEMINI_API_KEY=…',
  },
  {
    pattern: /PERMISSION_DENIED|does not have permission|\b403\b/i,
    advice:
      'Your account lacks a role. Ask an owner of the project to run this command, or to grant the role that the message names.',
  },
  { pattern: /QUOTA|RESOURCE_EXHAUSTED|rate limit/i, advice: 'A quota is used up. Wait a minute.' },
];

/** Returns why a failed line may succeed later, or `undefined` where repeating it is useless. */
export function transientReasonIn(stderr: string): string | undefined {
  return TRANSIENT_ERRORS.find(({ pattern }) => pattern.test(stderr))?.advice;
}

/** Returns what to do about a failed line. */
export function adviceOn(stderr: string): string {
  const known = FAILURES.find(({ pattern }) => pattern.test(stderr))?.advice ?? transientReasonIn(stderr);
  return `${known ?? 'Fix the cause that the message names.'} Then run the same command again: it resumes where it stopped.`;
}
