import { startEmulators } from './emulators.ts';

/** One pair of emulators for the whole run; each test file takes projects of its own. */
export default async function setup(): Promise<() => Promise<void>> {
  const emulators = await startEmulators();
  Object.assign(process.env, emulators.env, { METADATA_SERVER_DETECTION: 'none' });
  return () => emulators.stop();
}
