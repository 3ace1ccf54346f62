import { sendUnsigned } from '../cli/doctor/unsignedRequest.ts';
import { CliError, reasonOf } from '../cli/errors.ts';
import type { ServiceResource } from './serviceResource.ts';
import type { Shell } from './shell.ts';

const ATTEMPTS = 30;
const PAUSE_SECONDS = 2;

/**
 * Sends an unsigned request to `geminiCallback` until it is refused by the function itself, with `MISSING_HEADER`. A new
 * revision's URL and public access take up to a minute to propagate.
 *
 * @throws {CliError} `SMOKE_TEST_FAILED` with the last answer.
 */
export async function smokeTest(
  url: string,
  { logCommand }: Pick<ServiceResource, 'logCommand'>,
  shell: Pick<Shell, 'pause'>,
): Promise<void> {
  let answer = '';
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    if (attempt > 1) await shell.pause(PAUSE_SECONDS);
    answer = await sendUnsigned(url).then(
      ({ status, reason }) => reason ?? `status ${status}`,
      (error: unknown) => `an error (${reasonOf(error)})`,
    );
    if (answer === 'MISSING_HEADER') return;
  }
  throw new CliError(
    'SMOKE_TEST_FAILED',
    `${url} answered an unsigned POST with ${answer} instead of MISSING_HEADER. Read its log: ${logCommand}`,
  );
}
