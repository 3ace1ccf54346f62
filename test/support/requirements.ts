import { execFileSync } from 'node:child_process';
import { missingPart } from '../../local/backends/official.ts';

/** True where Google's emulators can be started. Tests that compare with them are skipped otherwise. */
export const hasEmulators = missingPart() === undefined;

/** True where gcloud and the components that the deployment uses can parse commands. */
export const hasGcloud = canRun('gcloud', ['--version']);

/** True where the Python examples can run, which need the standard library alone. */
export const hasPython = canRun('python3', ['--version']);

function canRun(program: string, args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
