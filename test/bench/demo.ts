import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Section } from './measure.ts';

const DEMO = join(import.meta.dirname, '../../local/demo/main.ts');

/** `npm run demo` after its build, on the embedded backends and on Google's emulators, each with its own start. */
export async function benchDemo(rounds: number): Promise<Section> {
  const [embedded, official]: [number[], number[]] = [[], []];
  for (let round = 0; round < Math.min(rounds, 3); round += 1) {
    embedded.push(await demoSeconds('embedded'));
    official.push(await demoSeconds('official'));
  }
  const figure = { name: 'npm run demo, embedded backends', unit: 's', ours: embedded, theirs: official };
  return { title: 'The demo', beside: "Google's emulators", figures: [figure] };
}

async function demoSeconds(backends: 'embedded' | 'official'): Promise<number> {
  const { FIRESTORE_EMULATOR_HOST: _firestore, PUBSUB_EMULATOR_HOST: _pubsub, ...env } = process.env;
  const startedAt = performance.now();
  const child = spawn(process.execPath, [DEMO], { env: { ...env, LOCAL_BACKENDS: backends }, stdio: 'ignore' });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`The demo on ${backends} backends ended with exit code ${code}.`);
  return (performance.now() - startedAt) / 1_000;
}
