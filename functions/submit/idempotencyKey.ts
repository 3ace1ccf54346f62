import { randomUUID } from 'node:crypto';
import { ServiceError } from '../runtime/serviceError.ts';
import { sha256 } from '../runtime/sha256.ts';

const MAX_KEY_LENGTH = 255;

/**
 * Returns the id of a submission's record, the same on every instance.
 *
 * @throws {ServiceError} `INVALID_ARGUMENT`
 */
export function recordIdOf(idempotencyKey: string | undefined): string {
  if (idempotencyKey === undefined) return `sub_${randomUUID().replaceAll('-', '')}`;
  if (idempotencyKey.length > 0 && idempotencyKey.length <= MAX_KEY_LENGTH) {
    return `sub_${sha256(idempotencyKey).slice(0, 32)}`;
  }
  const description = `must be 1 to ${MAX_KEY_LENGTH} characters`;
  const violations = [{ field: 'Idempotency-Key', description }];
  throw new ServiceError('INVALID_ARGUMENT', `The header Idempotency-Key ${description}.`, { violations });
}
