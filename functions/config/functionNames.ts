export const FUNCTIONS = ['geminiCallback', 'fetchResults', 'reconcileJobs', 'submitJob'] as const;

export type FunctionName = (typeof FUNCTIONS)[number];

/** Returns the name of a function's Cloud Run service, without the installation's prefix. */
export function serviceNameOf(name: FunctionName): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
