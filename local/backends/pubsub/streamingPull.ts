import type { google } from '@google-cloud/pubsub-api/build/protos/protos.js';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { invalidArgument, type RpcError } from './errors.ts';
import type { Consumer, Lease, Queue } from './queue.ts';
import { received } from './received.ts';
import { checkAckDeadline } from './subscriptionConfig.ts';

type Request = google.pubsub.v1.IStreamingPullRequest;
type Response = google.pubsub.v1.IStreamingPullResponse;
export type StreamingPullCall = ServerDuplexStream<Request, Response>;

/** Messages of one response, so that no client's limit of a response is exceeded. */
const MAX_RESPONSE = { messages: 1_000, bytes: 10_000_000 } as const;

/** A subscriber's stream: messages as far as its flow control has room, its acknowledgements the other way. */
class Stream implements Consumer {
  readonly #call: StreamingPullCall;
  readonly #queue: Queue;
  readonly #room: { readonly messages: number; readonly bytes: number };
  #deadlineSeconds = 0;
  #messages = 0;
  #bytes = 0;

  /** @throws {RpcError} INVALID_ARGUMENT */
  constructor(call: StreamingPullCall, queue: Queue, first: Request) {
    this.#call = call;
    this.#queue = queue;
    this.#room = {
      messages: limit(first.maxOutstandingMessages),
      bytes: limit(first.maxOutstandingBytes),
    };
    if (!first.streamAckDeadlineSeconds) throw invalidArgument('stream_ack_deadline_seconds is not set.');
    this.receive(first);
    queue.attach(this);
  }

  /** @throws {RpcError} INVALID_ARGUMENT */
  receive({ ackIds, modifyDeadlineAckIds, modifyDeadlineSeconds, streamAckDeadlineSeconds }: Request): void {
    if (streamAckDeadlineSeconds) checkAckDeadline(streamAckDeadlineSeconds);
    this.#deadlineSeconds = streamAckDeadlineSeconds || this.#deadlineSeconds;
    for (const ackId of ackIds ?? []) this.#queue.acknowledge(ackId);
    for (const [index, ackId] of (modifyDeadlineAckIds ?? []).entries()) {
      this.#queue.modifyDeadline(ackId, modifyDeadlineSeconds?.[index] ?? 0);
    }
  }

  deliver(): void {
    while (this.#messages < this.#room.messages && (this.#bytes < this.#room.bytes || this.#messages === 0)) {
      const leases = this.#queue.take({
        messages: Math.min(this.#room.messages - this.#messages, MAX_RESPONSE.messages),
        bytes: Math.min(this.#room.bytes - this.#bytes, MAX_RESPONSE.bytes),
        deadlineSeconds: this.#deadlineSeconds,
        onEnd: (lease) => this.#count(lease, -1),
      });
      if (leases.length === 0) return;
      for (const lease of leases) this.#count(lease, 1);
      const { enableMessageOrdering = false } = this.#queue.subscription.config;
      const subscriptionProperties = { messageOrderingEnabled: enableMessageOrdering ?? false };
      this.#call.write({ receivedMessages: leases.map(received), subscriptionProperties });
    }
  }

  /** Leaves what it has received to its deadlines. */
  detach(): void {
    this.#queue.detach(this);
  }

  close(reason: RpcError): void {
    this.#call.emit('error', reason);
  }

  #count({ bytes }: Lease, sign: 1 | -1): void {
    this.#messages += sign;
    this.#bytes += sign * bytes;
  }
}

/** A limit that is not positive limits nothing. */
function limit(value: Request['maxOutstandingBytes']): number {
  return Number(value ?? 0) > 0 ? Number(value) : Number.POSITIVE_INFINITY;
}

/** Serves StreamingPull: the first request names the subscription. */
export function streamingPull(call: StreamingPullCall, findQueue: (name: string) => Queue): void {
  let stream: Stream | undefined;
  call.on('data', (request: Request) => {
    try {
      if (stream) stream.receive(request);
      else stream = new Stream(call, findQueue(request.subscription ?? ''), request);
    } catch (error) {
      stream?.detach();
      call.emit('error', error);
    }
  });
  const leave = () => stream?.detach();
  call.on('cancelled', leave);
  call.on('close', leave);
  call.on('error', leave);
  call.on('end', () => {
    leave();
    call.end();
  });
}
