import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rememberLocal } from '../../cli/installation/local.ts';
import { GENUINE, REFUSED } from '../../local/demo/scenes.ts';
import { eventually } from '../../local/process.ts';
import { startStage, type Stage } from '../../local/stage.ts';

const MAIN = join(import.meta.dirname, '../../cli/main.ts');
const TIMEOUT_MILLIS = 30_000;

/** The command of the picture. */
export const COMMAND = 'npx gemini-callbacks status --local';

/** Runs jobs through a local installation, and returns what `status` prints then. */
export async function statusOutput(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'picture-'));
  const stage = await startStage({ settings: { jobs: { pendingMillis: 0, runningMillis: 0 } } });
  try {
    for (const { play } of GENUINE.slice(0, 2)) await play(stage);
    await stage.gemini.interactions.create({ model: 'gemini-3.8-flash', input: '[fail]', background: true });
    await settled(stage, { complete: 2, failed: 1, quarantined: 0 });
    for (const { play } of REFUSED.filter(({ record }) => record === 'quarantined')) await play(stage);
    await settled(stage, { complete: 2, failed: 1, quarantined: 1 });
    rememberLocal(folder, stage.variables);
    return await run(folder);
  } finally {
    await stage.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function settled(
  { project: { firestore } }: Stage,
  expected: { readonly complete: number; readonly failed: number; readonly quarantined: number },
): Promise<void> {
  const queries = [
    firestore.collection('jobs').where('results.state', '==', 'complete'),
    firestore.collection('jobs').where('state', '==', 'failed'),
    firestore.collection('deliveries').where('state', '==', 'quarantined'),
  ];
  await eventually(`the records ${JSON.stringify(expected)}`, TIMEOUT_MILLIS, async () => {
    const counts = await Promise.all(queries.map(async (query) => (await query.count().get()).data().count));
    return counts.join() === Object.values(expected).join() || undefined;
  });
}

/** Runs the command in a folder whose file names the local installation. It exits with 1: a delivery needs a person. */
async function run(cwd: string): Promise<string> {
  return await new Promise((resolve) => {
    execFile(process.execPath, [MAIN, 'status', '--local'], { cwd }, (_error, stdout) => resolve(stdout));
  });
}
