import type { RequestListener } from 'node:http';
import { type JsonResponse, readBytes, sendJson } from '../http/body.ts';
import type { CallbackRequest } from './pipeline.ts';

/** Serves a handler over Node's HTTP types, which the Functions Framework also passes. */
export function listener(handle: (request: CallbackRequest) => Promise<JsonResponse>): RequestListener {
  return (request, response) => {
    const { method = '', url = '', headers } = request;
    const [path = ''] = url.split('?', 1);
    const body = async (maxBytes: number) => await readBytes(request, maxBytes);
    void handle({ method, path, headers, body }).then((content) => sendJson(request, response, content));
  };
}
