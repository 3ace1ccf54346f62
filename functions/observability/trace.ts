type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** A request's place in a distributed trace. */
interface Trace {
  readonly traceId: string;
  readonly spanId: string;
}

/** W3C's header, which Google's front end sets: https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;

/** Cloud Trace's own header: https://cloud.google.com/trace/docs/trace-context */
const CLOUD_TRACE = /^([0-9a-f]{32})\/(\d{1,20})/;

/** Returns the header to pass on; `undefined` where it is missing or malformed. */
export function traceparentOf({ traceparent }: Headers): string | undefined {
  return typeof traceparent === 'string' && TRACEPARENT.test(traceparent) ? traceparent : undefined;
}

/** Returns the trace of Cloud Trace's header, or else of W3C's. */
export function traceOf(headers: Headers): Trace | undefined {
  const [, traceId, spanId] =
    CLOUD_TRACE.exec(String(headers['x-cloud-trace-context'])) ??
    TRACEPARENT.exec(String(headers['traceparent'])) ??
    [];
  return traceId === undefined || spanId === undefined ? undefined : { traceId, spanId };
}
