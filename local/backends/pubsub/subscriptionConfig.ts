import { durationMillis } from './durations.ts';
import { invalidArgument, unimplemented } from './errors.ts';
import { checkName } from './names.ts';
import type { SubscriptionConfig } from './store.ts';

const DAY_SECONDS = 86_400;

const DEFAULTS = {
  ackDeadlineSeconds: 10,
  maxDeliveryAttempts: 5,
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

/** Fields that can be updated; name, topic, filter and enable_message_ordering are fixed at creation. */
const UPDATABLE: Readonly<Record<string, keyof SubscriptionConfig>> = {
  ack_deadline_seconds: 'ackDeadlineSeconds',
  dead_letter_policy: 'deadLetterPolicy',
  enable_exactly_once_delivery: 'enableExactlyOnceDelivery',
  expiration_policy: 'expirationPolicy',
  labels: 'labels',
  message_retention_duration: 'messageRetentionDuration',
  push_config: 'pushConfig',
  retain_acked_messages: 'retainAckedMessages',
  retry_policy: 'retryPolicy',
};

/** Checks a subscription and fills in the service's defaults. */
export function completeConfig(given: SubscriptionConfig): SubscriptionConfig {
  const config: SubscriptionConfig = {
    ...given,
    ackDeadlineSeconds: given.ackDeadlineSeconds || DEFAULTS.ackDeadlineSeconds,
    messageRetentionDuration: given.messageRetentionDuration ?? DEFAULTS.messageRetentionDuration,
    expirationPolicy: given.expirationPolicy ?? DEFAULTS.expirationPolicy,
    state: 'ACTIVE',
  };
  if (given.deadLetterPolicy) config.deadLetterPolicy = completeDeadLetterPolicy(given.deadLetterPolicy);
  checkConfig(config);
  return config;
}

/** @throws {RpcError} INVALID_ARGUMENT for a field that is unknown or fixed. */
export function updateConfig(
  config: SubscriptionConfig,
  change: SubscriptionConfig,
  paths: readonly string[],
): SubscriptionConfig {
  if (paths.length === 0) throw invalidArgument('The update mask is empty.');
  const changed: Record<string, unknown> = { ...config };
  for (const path of paths) {
    const field = UPDATABLE[path];
    if (!field) throw invalidArgument(`Invalid update mask: ${path} cannot be updated.`);
    changed[field] = change[field];
  }
  return completeConfig(changed);
}

function completeDeadLetterPolicy(policy: NonNullable<SubscriptionConfig['deadLetterPolicy']>) {
  return { ...policy, maxDeliveryAttempts: policy.maxDeliveryAttempts || DEFAULTS.maxDeliveryAttempts };
}

function checkConfig(config: SubscriptionConfig): void {
  const { ackDeadlineSeconds, deadLetterPolicy, retryPolicy, pushConfig } = config;
  for (const field of UNSUPPORTED) {
    const value = config[field];
    if (Array.isArray(value) ? value.length > 0 : value) throw unimplemented(`subscriptions with ${field}`);
  }
  checkAckDeadline(ackDeadlineSeconds ?? 0);
  if (pushConfig?.noWrapper) throw unimplemented('subscriptions with pushConfig.noWrapper');
  if (pushConfig?.pushEndpoint && !/^https?:$/.test(URL.parse(pushConfig.pushEndpoint)?.protocol ?? '')) {
    throw invalidArgument(`Invalid push endpoint: ${pushConfig.pushEndpoint} is not an HTTP URL.`);
  }
  if (deadLetterPolicy) {
    checkName(deadLetterPolicy.deadLetterTopic ?? '', 'topics');
    checkRange('max_delivery_attempts', deadLetterPolicy.maxDeliveryAttempts ?? 0, 5, 100);
  }
  const { minimumBackoff, maximumBackoff } = retryPolicy ?? {};
  checkRange('minimum_backoff', (durationMillis(minimumBackoff) ?? 0) / 1_000, 0, 600);
  checkRange('maximum_backoff', (durationMillis(maximumBackoff) ?? 0) / 1_000, 0, 600);
}

/** @throws {RpcError} INVALID_ARGUMENT */
export function checkAckDeadline(seconds: number): void {
  checkRange('ack_deadline_seconds', seconds, 10, 600);
}

function checkRange(name: string, value: number, minimum: number, maximum: number): void {
  if (value >= minimum && value <= maximum) return;
  throw invalidArgument(`Invalid ${name}: ${value} is not within ${minimum} and ${maximum}.`);
}
