const TIMEOUT_MILLIS = 2_500;

/** The published key set has about 500 bytes; an endless response must not fill the memory. */
const MAX_BYTES = 1_048_576;

/**
 * Downloads the JSON of a key set. Redirects are errors, because no other URL is trusted.
 *
 * @throws {Error} for any response but 200 with JSON of at most 1 MiB within 2.5 s.
 */
export async function downloadKeySet(url: URL): Promise<unknown> {
  const signal = AbortSignal.timeout(TIMEOUT_MILLIS);
  const response = await fetch(url, { headers: { accept: 'application/json' }, redirect: 'error', signal });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`The key set's URL answers with status ${response.status}.`);
  }
  return JSON.parse(await textOf(response));
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    // Leaving the loop cancels the download.
    if (length > MAX_BYTES) throw new Error(`The key set exceeds ${MAX_BYTES} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
