const REQUEST_MILLIS = 10_000;

/** An answer to an unsigned request. */
interface Refusal {
  readonly status: number;
  /** Only `geminiCallback` itself gives `MISSING_HEADER`; the platform in front of it gives no reason. */
  readonly reason: string | undefined;
}

/** Sends an unsigned request to `geminiCallback`, which shows who answers at a URL. */
export async function sendUnsigned(url: URL | string): Promise<Refusal> {
  const signal = AbortSignal.timeout(REQUEST_MILLIS);
  const response = await fetch(url, { method: 'POST', body: '{}', redirect: 'manual', signal });
  return { status: response.status, reason: reasonIn(await response.text()) };
}

function reasonIn(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: { details?: readonly { reason?: string }[] } };
    return error?.details?.[0]?.reason;
  } catch {
    return undefined;
  }
}
