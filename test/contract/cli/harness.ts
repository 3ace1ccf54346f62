import { expect } from 'vitest';
import { cli, type CliRun } from '../../support/cli.ts';

/** Returns the error that a command reports with `--json`, where standard error holds that and nothing else. */
export function errorOf({ stderr }: CliRun): Readonly<Record<string, string>> & { code: string; message: string } {
  return (JSON.parse(stderr) as { error: ReturnType<typeof errorOf> }).error;
}

/** Returns what a command prints with `--json`; fails the test where the command fails. */
export async function resultOf<T = Record<string, unknown>>(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  options: Parameters<typeof cli>[2] = {},
): Promise<T> {
  const { exitCode, stdout, stderr } = await cli([...args, '--json'], env, options);
  expect([exitCode, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as T;
}

/** Matches a command that failed, with a part of its message. */
export const failed = (message: string) => ({ exitCode: 1, stderr: expect.stringContaining(message) as string });

/** Matches a command that was used in a wrong way, with a part of its message. */
export const misused = (message: string) => ({ exitCode: 2, stderr: expect.stringContaining(message) as string });

/** Commands that use the store, each in its own way. */
export const STORE_COMMANDS = [
  ['jobs', 'list'],
  ['jobs', 'show', 'x'],
  ['jobs', 'watch', 'x'],
  ['jobs', 'reconcile', '--yes'],
  ['deliveries', 'list'],
  ['deliveries', 'show', 'msg_1'],
  ['deliveries', 'replay', 'msg_1', '--yes'],
  ['deliveries', 'release', 'msg_1', '--yes'],
];
