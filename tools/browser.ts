import { existsSync } from 'node:fs';
import bundled from '@sparticuz/chromium';
import { type Browser, chromium } from 'playwright-core';

const SYSTEM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
const hasSystemBrowser = existsSync(SYSTEM);

/** Nothing but the page under test uses the network. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * A real, headless Chromium: `CHROMIUM_PATH`, the system's, or on Linux (x64) the one that the npm package
 * `@sparticuz/chromium` ships, so that a browser test needs no installation.
 */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = hasSystemBrowser ? SYSTEM : await bundled.executablePath();
  return await chromium.launch({ executablePath, headless: true, args: ARGUMENTS });
}

/** True where this machine has a browser; the bundled one runs on Linux (x64) alone. */
export const hasBrowser = hasSystemBrowser || (process.platform === 'linux' && process.arch === 'x64');
