import { startEmulators } from '../../local/backends/official.ts';
import { LocalProject } from '../../local/project.ts';

/** One pair of emulators for the whole run; each test file takes projects of its own. */
export default async function setup(): Promise<() => Promise<void>> {
  const emulators = await startEmulators();
  Object.assign(process.env, emulators.env, { METADATA_SERVER_DETECTION: 'none' });
  await warmUp();
  return () => emulators.stop();
}

/** On a machine that has just booted, an emulator's first calls take longer than a function waits for its store. */
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
