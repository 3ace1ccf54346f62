import { http } from '@google-cloud/functions-framework';

/** What the Framework alone takes to start: below it no function can come by what it loads. */
http('empty', (_request, response) => void response.end());
