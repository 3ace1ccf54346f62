import { execFileSync } from 'node:child_process';
import { missingPart } from '../../local/backends/official.ts';

/** Whether Google's emulators can be started here. Tests that compare with them are skipped otherwise. */
export const hasEmulators = missingPart() === undefined;

/** Whether gcloud, with the components that the deployment uses, can parse commands here. */
export const hasGcloud = canRun('gcloud', ['--version']);

/** Whether the examples in Python can run here, where they need the standard library alone. */
export const hasPython = canRun('python3', ['--version']);

function canRun(program: string, args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
