import type { AttemptAnswer, DeliveryRecord } from '../simulator/ledger.ts';

/** The callback's answer to a delivery: `published`, `duplicate`, or the reason of a refusal. */
export function outcomeOf({ body = '', error = 'no answer' }: Partial<AttemptAnswer> = {}): string {
  return /"(?:reason|status)":"(?!UNAUTHENTICATED)(\w+)"/.exec(body)?.[1] ?? error;
}

/** Returns the delivery of the newest attempt, once there are more than `before` attempts and each has an answer. */
export function lastAnswered(deliveries: readonly DeliveryRecord[], before: number): DeliveryRecord | undefined {
  const attempts = deliveries.flatMap((delivery) => delivery.attempts.map((attempt) => ({ delivery, attempt })));
  const isOpen = attempts.some(({ attempt }) => attempt.answer === undefined);
  if (attempts.length <= before || isOpen) return undefined;
  return attempts.toSorted((a, b) => a.attempt.time.localeCompare(b.attempt.time)).at(-1)?.delivery;
}
