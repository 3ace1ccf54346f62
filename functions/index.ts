import { createGeminiCallback } from './callback/index.ts';
import { serveHttp } from './platform/server.ts';

serveHttp('geminiCallback', createGeminiCallback);
