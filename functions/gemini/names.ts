/** Patterns of job names. Names come from events and become parts of URLs, so `..`, `/` and `?` must not pass. */

const SEGMENT = String.raw`(?!\.{1,2}(?:/|$))[\w.-]+`;
const BATCH = new RegExp(`^batches/${SEGMENT}$`);
const OPERATION = new RegExp(`^models/${SEGMENT}/operations/${SEGMENT}$`);
const INTERACTION = new RegExp(`^interactions/${SEGMENT}$`);

export function isBatchName(name: string): boolean {
  return BATCH.test(name);
}

/** Returns true for the name of a long-running operation, as Veo's are. */
export function isOperationName(name: string): boolean {
  return OPERATION.test(name);
}

export function isInteractionName(name: string): boolean {
  return INTERACTION.test(name);
}
