import type { RequestListener } from 'node:http';
import { readBytes, sendJson } from '../http/body.ts';
import type { CallbackAnswer, CallbackRequest } from './pipeline.ts';

/** Serves a handler over Node's HTTP types, which the Functions Framework also passes. */
export function listener(handle: (request: CallbackRequest) => Promise<CallbackAnswer>): RequestListener {
  return (request, response) => {
    const { method = '', url = '', headers } = request;
    const [path = ''] = url.split('?', 1);
    const body = async (maxBytes: number) => await readBytes(request, maxBytes);
    void handle({ method, path, headers, body }).then((answer) =>
      sendJson(request, response, answer.status, answer.headers, answer.body),
    );
  };
}
