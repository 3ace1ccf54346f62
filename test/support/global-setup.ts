import { startBackends } from '../../local/backends/index.ts';
import { LocalProject } from '../../local/project.ts';

/** One pair of backends for the whole run; each test file uses its own projects. */
export default async function setup(): Promise<() => Promise<void>> {
  const backends = await startBackends();
  if (backends.kind !== 'given') console.log(backends.summary);
  Object.assign(process.env, backends.env, { METADATA_SERVER_DETECTION: 'none' });
  await warmUp();
  return () => backends.stop();
}

/** On a machine that has just booted, a backend's first calls take longer than a function waits for its store. */
async function warmUp(): Promise<void> {
  const project = await LocalProject.create();
  const document = project.firestore.doc('warm/up');
  await project.firestore.runTransaction(async (transaction) => {
    await transaction.get(document);
    transaction.set(document, { warm: true });
  });
  await project.messages('gemini-events');
  await project.close();
}
