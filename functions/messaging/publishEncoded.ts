import { grpc } from 'google-gax';
import type { PublishRequest } from '../model/publishRequest.ts';
import type { Deadline } from '../runtime/deadline.ts';
import { grpcStatusOf, isTransientStatus } from '../runtime/grpcStatus.ts';
import { retrying } from '../runtime/retry.ts';

interface PublishResponse {
  readonly messageIds?: readonly string[];
}

type PublishMethod = grpc.MethodDefinition<Buffer, PublishResponse>;

const NOT_CONNECTED = 'The Pub/Sub client has no gRPC stub with the method publish.';

/** Shorter than the pauses for other services: the caller waits. */
const PAUSES = { firstMillis: 50, maxMillis: 500 };

/**
 * Sends a request that is encoded already, by the generated client's own connection and credentials. The
 * client's method would encode it from objects (docs/design/0008-results-close-to-the-floor.md).
 *
 * Transient failures are retried until the deadline.
 *
 * @returns the ids of the messages.
 */
export async function publishEncoded(
  stub: object,
  topic: string,
  request: PublishRequest,
  deadline: Deadline,
): Promise<readonly string[]> {
  if (!(stub instanceof grpc.Client && 'publish' in stub)) throw new TypeError(NOT_CONNECTED);
  const { path, responseDeserialize } = stub.publish as PublishMethod;
  const bytes = request.to(topic);
  // Google routes a request by this header, which its clients send with every call.
  const metadata = new grpc.Metadata();
  metadata.set('x-goog-request-params', `topic=${encodeURIComponent(topic)}`);
  const publish = async () =>
    await new Promise<readonly string[]>((resolve, reject) => {
      const options = { deadline: Date.now() + deadline.remainingMillis };
      stub.makeUnaryRequest(path, asIs, responseDeserialize, bytes, metadata, options, (error, response) => {
        if (error) reject(error);
        else resolve(response?.messageIds ?? []);
      });
    });
  return await retrying(publish, { transienceOf, pauses: PAUSES, signal: deadline.signal });
}

function asIs(request: Buffer): Buffer {
  return request;
}

function transienceOf(error: unknown): object | undefined {
  const status = grpcStatusOf(error);
  return status !== undefined && isTransientStatus(status) ? {} : undefined;
}
