import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Section } from './measure.ts';

const ROOT = join(import.meta.dirname, '../..');
const DEMO = join(ROOT, 'local/demo/main.ts');

/** `npm run demo` after its build, on the embedded backends and on Google's emulators; and `npm test`, once. */
export async function benchCommands(rounds: number): Promise<Section> {
  const [embedded, official]: [number[], number[]] = [[], []];
  for (let round = 0; round < Math.min(rounds, 3); round += 1) {
    embedded.push(await seconds(process.execPath, [DEMO], 'embedded'));
    official.push(await seconds(process.execPath, [DEMO], 'official'));
  }
  const figures = [
    { name: 'npm run demo, embedded backends', unit: 's', product: embedded, reference: official },
    { name: 'npm test', unit: 's', product: [await seconds('npm', ['test'], 'official')] },
  ];
  return { title: 'The two commands', beside: "Google's emulators", figures };
}

/** Each command starts its own backends. */
async function seconds(command: string, args: readonly string[], backends: 'embedded' | 'official'): Promise<number> {
  const { FIRESTORE_EMULATOR_HOST: _firestore, PUBSUB_EMULATOR_HOST: _pubsub, ...env } = process.env;
  const startedAt = performance.now();
  const child = spawn(command, args, { cwd: ROOT, env: { ...env, LOCAL_BACKENDS: backends }, stdio: 'ignore' });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with exit code ${code}.`);
  return (performance.now() - startedAt) / 1_000;
}
