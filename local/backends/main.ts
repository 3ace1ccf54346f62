import { once } from 'node:events';
import { exitWithMessages } from '../exitWithMessages.ts';
import { startBackends } from './index.ts';

/** `npm run backends`: the two backends alone, until SIGINT or SIGTERM. Standard output can be evaluated by a shell. */
exitWithMessages();
const stopped = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
const backends = await startBackends();
process.stderr.write(`${backends.summary}\n`);
for (const [name, value] of Object.entries(backends.env)) console.log(`export ${name}=${value}`);
process.stderr.write('Stop with Ctrl-C.\n');
const idle = setInterval(() => {}, 60_000);
await stopped;
clearInterval(idle);
await backends.stop();
