/** Names out of events, from which addresses are made: none may lead to another place. */

const SEGMENT = String.raw`(?!\.{1,2}(?:/|$))[\w.-]+`;
const BATCH = new RegExp(`^batches/${SEGMENT}$`);
const OPERATION = new RegExp(`^models/${SEGMENT}/operations/${SEGMENT}$`);
const INTERACTION = new RegExp(`^interactions/${SEGMENT}$`);

export function isBatchName(name: string): boolean {
  return BATCH.test(name);
}

/** Of a long-running operation, as Veo has them. */
export function isOperationName(name: string): boolean {
  return OPERATION.test(name);
}

export function isInteractionName(name: string): boolean {
  return INTERACTION.test(name);
}
