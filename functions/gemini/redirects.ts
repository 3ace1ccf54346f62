const MAX_REDIRECTS = 5;

/**
 * Follows redirects by hand, because `fetch` would take Gemini's header with the API key along to another origin.
 *
 * @param request sends one request with `redirect: 'manual'`, with the headers that the URL's origin may see (`http.ts`).
 * @throws {TypeError} after too many redirects.
 */
export async function followRedirects(start: URL, request: (url: URL) => Promise<Response>): Promise<Response> {
  let url = start;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
    const response = await request(url);
    const location = response.status >= 300 && response.status < 400 ? response.headers.get('location') : null;
    if (location === null) return response;
    await response.body?.cancel();
    url = new URL(location, url);
  }
  throw new TypeError(
    `fetch failed: Gemini redirected more than ${MAX_REDIRECTS} times. Check GOOGLE_GEMINI_BASE_URL.`,
  );
}
