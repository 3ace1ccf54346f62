import { once } from 'node:events';
import { createServer } from 'node:http';

/** A key set over real HTTP, whose server a test can change, slow down and switch off. */
export interface JwksServer {
  readonly url: URL;
  keys: readonly object[];
  status: number;
  delayMillis: number;
  /** How often the keys were asked for. */
  readonly requests: () => number;
  close(): Promise<void>;
}

export async function startJwks(keys: readonly object[]): Promise<JwksServer> {
  let requests = 0;
  const server = createServer((_request, response) => {
    requests++;
    setTimeout(() => {
      response.writeHead(jwks.status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ keys: jwks.keys }));
    }, jwks.delayMillis);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const jwks: JwksServer = {
    url: new URL(`http://127.0.0.1:${port}/.well-known/jwks.json`),
    keys,
    status: 200,
    delayMillis: 0,
    requests: () => requests,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return jwks;
}
