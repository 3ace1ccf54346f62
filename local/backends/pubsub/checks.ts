import { status } from '@grpc/grpc-js';
import { invalid, RpcError, unimplemented } from '../rpc.ts';
import { type Message, type SubscriptionConfig, toMillis } from './messages.ts';

const ID = /^(?!goog)[A-Za-z][\w.~+%-]{2,254}$/;

/** Limits of one publish request, and of one response to a subscriber: https://cloud.google.com/pubsub/quotas#resource_limits. */
export const MAX = { messages: 1_000, bytes: 10_000_000 } as const;

/** Fields of topics and subscriptions that a stand-in must not accept without doing what they say. */
const UNSUPPORTED = [
  'bigqueryConfig',
  'bigtableConfig',
  'cloudStorageConfig',
  'enableExactlyOnceDelivery',
  'ingestionDataSourceSettings',
  'kmsKeyName',
  'messageTransforms',
  'schemaSettings',
] as const;

type Collection = 'topics' | 'subscriptions';

/** @throws RpcError INVALID_ARGUMENT */
export function refuseIf(isInvalid: boolean, message: string): void {
  if (isInvalid) throw invalid(message);
}

/** @throws RpcError INVALID_ARGUMENT */
export function checkRange(name: string, value: number, minimum: number, maximum: number): void {
  refuseIf(value < minimum || value > maximum, `Invalid ${name}: ${value} is not within ${minimum} and ${maximum}.`);
}

/** Returns the parts of a resource's full name, `projects/PROJECT/topics/ID`. */
export function parseName(name: string): { readonly project: string; readonly id: string } {
  const [, project = '', , id = name] = name.split('/');
  return { project, id };
}

/** @throws RpcError INVALID_ARGUMENT for a name that is not a resource's full name. */
export function checkName(collection: Collection, name: string): void {
  const { project, id } = parseName(name);
  const isValid = project && ID.test(id) && name === `projects/${project}/${collection}/${id}`;
  refuseIf(
    !isValid,
    `Invalid resource name: ${name}. Expected projects/PROJECT/${collection}/ID, where ID has 3 to 255 of the ` +
      'characters A-Z, a-z, 0-9 and -_.~+%, starts with a letter and not with "goog".',
  );
}

/** @throws RpcError UNIMPLEMENTED for a field that is set. */
export function checkSupported(collection: Collection, config: Readonly<Record<string, unknown>>): void {
  const isSet = (value: unknown) => (Array.isArray(value) ? value.length > 0 : Boolean(value));
  const field = UNSUPPORTED.find((name) => isSet(config[name]));
  if (field !== undefined) throw unimplemented(`${collection} with ${field}`);
}

/** @throws RpcError NOT_FOUND, or INVALID_ARGUMENT for a name that no resource can have. */
export function find<Resource>(
  collection: Collection,
  resources: ReadonlyMap<string, Resource>,
  name: string,
): Resource {
  const resource = resources.get(name);
  if (resource) return resource;
  checkName(collection, name);
  throw notFound(name);
}

export function notFound(name: string): RpcError {
  return new RpcError(status.NOT_FOUND, `Resource not found (resource=${parseName(name).id}).`);
}

/** @throws RpcError ALREADY_EXISTS */
export function checkNew(resources: ReadonlyMap<string, unknown>, name: string): void {
  if (!resources.has(name)) return;
  const message = `Resource already exists in the project (resource=${parseName(name).id}).`;
  throw new RpcError(status.ALREADY_EXISTS, message);
}

/** @throws RpcError INVALID_ARGUMENT for the first limit that a setting exceeds. */
export function checkSettings({ ackDeadlineSeconds, deadLetterPolicy, retryPolicy, pushConfig }: SubscriptionConfig) {
  checkRange('ack_deadline_seconds', ackDeadlineSeconds, 10, 600);
  if (deadLetterPolicy) checkRange('max_delivery_attempts', deadLetterPolicy.maxDeliveryAttempts, 5, 100);
  const { minimumBackoff, maximumBackoff } = retryPolicy ?? {};
  const minimum = minimumBackoff ? toMillis(minimumBackoff) / 1_000 : 0;
  checkRange('minimum_backoff', minimum, 0, 600);
  if (maximumBackoff) checkRange('maximum_backoff', toMillis(maximumBackoff) / 1_000, minimum, 600);
  const url = pushConfig?.pushEndpoint;
  const isHttp = /^https?:$/.test(URL.parse(url ?? '')?.protocol ?? '');
  refuseIf(Boolean(url) && !isHttp, `Invalid push endpoint: ${url} is not an HTTP URL.`);
}

/** @throws RpcError INVALID_ARGUMENT */
export function checkMessages(messages: readonly Message[]): void {
  const isEmpty = ({ data, attributes }: Message) => data.length === 0 && Object.keys(attributes).length === 0;
  const bytes = messages.reduce((sum, message) => sum + messageBytes(message), 0);
  refuseIf(messages.length === 0, 'The request contains no messages.');
  refuseIf(messages.some(isEmpty), 'A message needs data or at least one attribute.');
  refuseIf(messages.length > MAX.messages, `The request has over ${MAX.messages} messages.`);
  refuseIf(bytes > MAX.bytes, `The request is larger than ${MAX.bytes} bytes.`);
}

/** Returns the size by which requests and responses are limited: payload, attributes and ordering key. */
export function messageBytes({ data, attributes, orderingKey }: Message): number {
  const texts = [orderingKey, ...Object.entries(attributes).flat()];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), data.length);
}
