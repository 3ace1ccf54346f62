import type { ServerDuplexStream } from '@grpc/grpc-js';
import { invalid, type RpcError } from '../rpc.ts';
import { type Consumer, type Lease, received } from './lease.ts';
import { MAX_RESPONSE } from './limits.ts';
import type { Queue } from './queue.ts';
import { checkRange } from './subscriptionConfig.ts';

interface Request {
  readonly subscription: string;
  readonly ackIds: readonly string[];
  readonly modifyDeadlineAckIds: readonly string[];
  readonly modifyDeadlineSeconds: readonly number[];
  readonly streamAckDeadlineSeconds: number;
  readonly maxOutstandingMessages: string;
  readonly maxOutstandingBytes: string;
}

export type StreamingPullCall = ServerDuplexStream<Request, object>;

/** A subscriber's stream: messages as far as its flow control has room, and acknowledgements the other way. */
class Stream implements Consumer {
  readonly #call: StreamingPullCall;
  readonly #queue: Queue;
  /** What the subscriber accepts beside what it has not acknowledged. */
  readonly #room: { messages: number; bytes: number };
  #deadlineSeconds = 0;

  /** @throws RpcError INVALID_ARGUMENT */
  constructor(call: StreamingPullCall, queue: Queue, first: Request) {
    this.#call = call;
    this.#queue = queue;
    this.#room = { messages: limit(first.maxOutstandingMessages), bytes: limit(first.maxOutstandingBytes) };
    if (!first.streamAckDeadlineSeconds) throw invalid('stream_ack_deadline_seconds is not set.');
    this.receive(first);
    queue.attach(this);
  }

  /** @throws RpcError INVALID_ARGUMENT */
  receive({ ackIds, modifyDeadlineAckIds, modifyDeadlineSeconds, streamAckDeadlineSeconds }: Request): void {
    if (streamAckDeadlineSeconds) checkRange('stream_ack_deadline_seconds', streamAckDeadlineSeconds, 10, 600);
    if (modifyDeadlineAckIds.length !== modifyDeadlineSeconds.length) {
      throw invalid('modify_deadline_ack_ids and modify_deadline_seconds must have the same size.');
    }
    for (const seconds of modifyDeadlineSeconds) checkRange('modify_deadline_seconds', seconds, 0, 600);
    this.#deadlineSeconds = streamAckDeadlineSeconds || this.#deadlineSeconds;
    for (const ackId of ackIds) this.#queue.acknowledge(ackId);
    for (const [index, ackId] of modifyDeadlineAckIds.entries()) {
      this.#queue.modifyDeadline(ackId, modifyDeadlineSeconds[index] ?? 0);
    }
  }

  deliver(): void {
    while (this.#room.messages > 0 && this.#room.bytes > 0) {
      const leases = this.#queue.take({
        messages: Math.min(this.#room.messages, MAX_RESPONSE.messages),
        bytes: Math.min(this.#room.bytes, MAX_RESPONSE.bytes),
        deadlineSeconds: this.#deadlineSeconds,
        onEnd: (lease) => this.#free(lease, 1),
      });
      if (leases.length === 0) return;
      for (const lease of leases) this.#free(lease, -1);
      const messageOrderingEnabled = this.#queue.subscription.config.enableMessageOrdering;
      this.#call.write({ receivedMessages: leases.map(received), subscriptionProperties: { messageOrderingEnabled } });
    }
  }

  /** Leaves the leased messages to their deadlines. */
  detach(): void {
    this.#queue.detach(this);
  }

  close(reason: RpcError): void {
    this.#call.emit('error', reason);
  }

  #free({ bytes }: Lease, sign: 1 | -1): void {
    this.#room.messages += sign;
    this.#room.bytes += sign * bytes;
  }
}

/** A limit that is not positive limits nothing. */
function limit(value: string): number {
  return Number(value) > 0 ? Number(value) : Number.POSITIVE_INFINITY;
}

/** Serves StreamingPull: the first request names the subscription. */
export function streamingPull(call: StreamingPullCall, findQueue: (name: string) => Queue): void {
  let stream: Stream | undefined;
  const leave = () => stream?.detach();
  call.on('data', (request: Request) => {
    try {
      if (stream) stream.receive(request);
      else stream = new Stream(call, findQueue(request.subscription), request);
    } catch (error) {
      call.emit('error', error);
    }
  });
  call.on('cancelled', leave).on('close', leave).on('error', leave);
  call.on('end', () => {
    leave();
    call.end();
  });
}
