import { invalid, unimplemented } from '../rpc.ts';
import type { SubscriptionConfig } from './store.ts';
import { toMillis } from './time.ts';

const DAY_SECONDS = 86_400;

const DEFAULTS = {
  messageRetentionDuration: { seconds: 7 * DAY_SECONDS },
  expirationPolicy: { ttl: { seconds: 31 * DAY_SECONDS } },
} as const;

/** Fields that a stand-in must not accept without doing what they say. */
const UNSUPPORTED = [
  'bigqueryConfig',
  'cloudStorageConfig',
  'bigtableConfig',
  'messageTransforms',
  'enableExactlyOnceDelivery',
] as const;

/**
 * Fills in the service's defaults.
 *
 * @throws RpcError INVALID_ARGUMENT or UNIMPLEMENTED
 */
export function completeConfig(given: SubscriptionConfig): SubscriptionConfig {
  checkSupported('subscriptions', given, UNSUPPORTED);
  if (given.pushConfig?.noWrapper) throw unimplemented('subscriptions with pushConfig.noWrapper');
  const config: SubscriptionConfig = {
    ...given,
    ackDeadlineSeconds: given.ackDeadlineSeconds || 10,
    deadLetterPolicy: given.deadLetterPolicy && {
      ...given.deadLetterPolicy,
      maxDeliveryAttempts: given.deadLetterPolicy.maxDeliveryAttempts || 5,
    },
    messageRetentionDuration: given['messageRetentionDuration'] ?? DEFAULTS.messageRetentionDuration,
    expirationPolicy: given['expirationPolicy'] ?? DEFAULTS.expirationPolicy,
    state: 'ACTIVE',
  };
  checkConfig(config);
  return config;
}

/** @throws RpcError UNIMPLEMENTED for a field that is set. */
export function checkSupported(kind: string, config: object, unsupported: readonly string[]): void {
  const set = Object.entries(config).filter(([, value]) => (Array.isArray(value) ? value.length > 0 : value));
  const field = unsupported.find((name) => set.some(([key]) => key === name));
  if (field !== undefined) throw unimplemented(`${kind} with ${field}`);
}

function checkConfig({ ackDeadlineSeconds, deadLetterPolicy, retryPolicy, pushConfig }: SubscriptionConfig): void {
  checkRange('ack_deadline_seconds', ackDeadlineSeconds, 10, 600);
  if (pushConfig?.pushEndpoint && !/^https?:$/.test(URL.parse(pushConfig.pushEndpoint)?.protocol ?? '')) {
    throw invalid(`Invalid push endpoint: ${pushConfig.pushEndpoint} is not an HTTP URL.`);
  }
  if (deadLetterPolicy) {
    checkRange('max_delivery_attempts', deadLetterPolicy.maxDeliveryAttempts, 5, 100);
  }
  const { minimumBackoff, maximumBackoff } = retryPolicy ?? {};
  const minimum = minimumBackoff ? toMillis(minimumBackoff) / 1_000 : 0;
  checkRange('minimum_backoff', minimum, 0, 600);
  if (maximumBackoff) checkRange('maximum_backoff', toMillis(maximumBackoff) / 1_000, minimum, 600);
}

/** @throws RpcError INVALID_ARGUMENT */
export function checkRange(name: string, value: number, minimum: number, maximum: number): void {
  if (value >= minimum && value <= maximum) return;
  throw invalid(`Invalid ${name}: ${value} is not within ${minimum} and ${maximum}.`);
}
