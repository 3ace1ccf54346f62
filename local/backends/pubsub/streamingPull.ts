import type { ServerDuplexStream } from '@grpc/grpc-js';
import { checkRange, refuseIf } from './checks.ts';
import { type Consumer, type Queue, received } from './queue.ts';

interface Request {
  readonly subscription: string;
  readonly ackIds: readonly string[];
  readonly modifyDeadlineAckIds: readonly string[];
  readonly modifyDeadlineSeconds: readonly number[];
  readonly streamAckDeadlineSeconds: number;
  readonly maxOutstandingMessages: string;
}

export type StreamingPullCall = ServerDuplexStream<Request, object>;

/** Serves StreamingPull: the first request names the subscription. Leased messages of an ended stream keep their deadlines. */
export function streamingPull(call: StreamingPullCall, findQueue: (name: string) => Queue): void {
  let detach: (() => void) | undefined;
  let queue: Queue | undefined;
  let deadlineSeconds = 0;
  call.on('data', (request: Request) => {
    try {
      queue ??= findQueue(request.subscription);
      deadlineSeconds = request.streamAckDeadlineSeconds || deadlineSeconds;
      receive(queue, request, deadlineSeconds);
      detach ??= attach(call, queue, request, () => deadlineSeconds);
    } catch (error) {
      call.emit('error', error);
    }
  });
  const end = () => detach?.();
  call.on('cancelled', end).on('close', end).on('error', end);
  call.on('end', () => {
    end();
    call.end();
  });
}

/** @throws RpcError INVALID_ARGUMENT */
function receive(queue: Queue, request: Request, deadlineSeconds: number): void {
  const { ackIds, modifyDeadlineAckIds: ids, modifyDeadlineSeconds: seconds } = request;
  checkRange('stream_ack_deadline_seconds', deadlineSeconds, 10, 600);
  refuseIf(ids.length !== seconds.length, 'modify_deadline_ack_ids and modify_deadline_seconds differ in size.');
  for (const each of seconds) checkRange('modify_deadline_seconds', each, 0, 600);
  for (const ackId of ackIds) queue.acknowledge(ackId);
  for (const [index, ackId] of ids.entries()) queue.modifyDeadline(ackId, seconds[index] ?? 0);
}

/** Sends messages as far as the subscriber's limit of outstanding ones has room. One that is not positive limits nothing. */
function attach(call: StreamingPullCall, queue: Queue, first: Request, deadlineSeconds: () => number): () => void {
  let room = Number(first.maxOutstandingMessages) > 0 ? Number(first.maxOutstandingMessages) : Infinity;
  const onEnd = () => (room += 1);
  const deliver = () => {
    while (room > 0) {
      const leases = queue.take({ max: room, deadlineSeconds: deadlineSeconds(), onEnd });
      if (leases.length === 0) return;
      room -= leases.length;
      const messageOrderingEnabled = queue.config.enableMessageOrdering;
      call.write({ receivedMessages: leases.map(received), subscriptionProperties: { messageOrderingEnabled } });
    }
  };
  const consumer: Consumer = { deliver, close: (reason) => call.emit('error', reason) };
  queue.attach(consumer);
  return () => queue.detach(consumer);
}
