import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');

/** npm compares the packages' `engines` with this property. */
const pretending = (version: string) =>
  `--import=data:text/javascript,Object.defineProperty(process,'version',{value:'${version}'})`;

test.for(['v20.19.0', 'v22.22.0'])(
  'npm ci with Node.js %s prints no warnings, also where the user has set engine-strict',
  async (version) => {
    const folder = mkdtempSync(join(tmpdir(), 'install-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    for (const name of ['package.json', 'package-lock.json', '.npmrc']) cpSync(join(ROOT, name), join(folder, name));
    const { PATH } = process.env;
    const userconfig = join(folder, 'user.npmrc');
    writeFileSync(userconfig, 'engine-strict=true\n');
    const env = { PATH, HOME: folder, NODE_OPTIONS: pretending(version), npm_config_userconfig: userconfig };
    const args = ['ci', '--dry-run', '--ignore-scripts', '--offline', '--no-audit'];
    const { stdout, stderr } = await promisify(execFile)('npm', args, { cwd: folder, env });
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^added \d+ packages/m);
    const loud = await promisify(execFile)('npm', [...args, '--loglevel=warn'], { cwd: folder, env });
    expect(loud.stderr).toContain(`node: '${version}'`);
  },
);
