import { createGeminiCallback } from './callback/index.ts';
import { serveEvents, serveHttp } from './http/functionsFramework.ts';
import { createReconcileJobs } from './reconcile/index.ts';
import { createFetchResults } from './results/index.ts';
import { createSubmitJob } from './submit/index.ts';

serveHttp('geminiCallback', createGeminiCallback);
serveEvents('fetchResults', createFetchResults);
serveHttp('reconcileJobs', createReconcileJobs);
serveHttp('submitJob', createSubmitJob);
