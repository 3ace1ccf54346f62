import { http } from '@google-cloud/functions-framework';

/** An empty function: the Framework's own start is the lower bound of every function's. */
http('empty', (_request, response) => void response.end());
