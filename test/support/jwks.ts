import { serveHttp } from './server.ts';

/** A key set over HTTP, whose server a test can change, slow down and stop. */
export interface JwksServer {
  readonly url: URL;
  keys: readonly object[];
  status: number;
  delayMillis: number;
  /** The number of requests so far. */
  readonly requests: () => number;
  close(): Promise<void>;
}

export async function startJwks(keys: readonly object[]): Promise<JwksServer> {
  let requests = 0;
  const { url, close } = await serveHttp((_request, response) => {
    requests++;
    setTimeout(() => {
      response.writeHead(jwks.status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ keys: jwks.keys }));
    }, jwks.delayMillis);
  });
  const jwks: JwksServer = {
    url: new URL(`${url}/.well-known/jwks.json`),
    keys,
    status: 200,
    delayMillis: 0,
    requests: () => requests,
    close,
  };
  return jwks;
}
