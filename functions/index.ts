import { createGeminiCallback } from './callback/index.ts';
import { serveEvents, serveHttp } from './platform/server.ts';
import { createFetchResults } from './results/index.ts';

serveHttp('geminiCallback', createGeminiCallback);
serveEvents('fetchResults', createFetchResults);
