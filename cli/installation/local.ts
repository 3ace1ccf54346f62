import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CliError } from '../errors.ts';
import { findUp } from './place.ts';

/** Written by `npm start` with all that `--local` needs, secrets included, and removed when it ends. */
const FILE = '.gemini-callbacks.local.json';

/** Readable by its owner only. */
const MODE = 0o600;

interface LocalInstallation {
  /** The process of `npm start`. A killed one leaves the file behind. */
  readonly pid: number;
  readonly variables: Readonly<Record<string, string>>;
}

/** Publishes the local installation's variables to the command line, until this process exits. */
export function rememberLocal(folder: string, variables: Readonly<Record<string, string>>): void {
  const path = join(folder, FILE);
  const content: LocalInstallation = { pid: process.pid, variables };
  rmSync(path, { force: true });
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`, { mode: MODE, flag: 'wx' });
  process.once('exit', () => rmSync(path, { force: true }));
}

/**
 * Reads the variables of the installation that `npm start` runs.
 *
 * @throws {CliError} `NOT_RUNNING`
 */
export function readLocal(folder: string): { readonly path: string; readonly variables: NodeJS.ProcessEnv } {
  const path = findUp(FILE, folder);
  const local = path === undefined ? undefined : parsed(path);
  if (path !== undefined && local !== undefined && isRunning(local.pid)) return { path, variables: local.variables };
  throw new CliError(
    'NOT_RUNNING',
    '--local: no installation runs on this machine. Start one in another terminal: npm start',
  );
}

function parsed(path: string): LocalInstallation | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as LocalInstallation;
  } catch {
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
