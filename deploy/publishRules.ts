import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { callGoogle, type GoogleApi } from '../cli/google/rest.ts';
import { type JsonObject, objectsIn } from '../functions/model/json.ts';

/**
 * A script that a line of the deployment runs (`steps/firestore.ts`), because gcloud has no command for Firestore's
 * security rules: `check` compares the published rules with the
 * file, and `publish` publishes the file.
 *
 * https://firebase.google.com/docs/reference/rules/rest
 */
const RULES_FILE = join(import.meta.dirname, '../firestore.rules');
/** Marks rules that this project has published. */
const FILE_NAME = 'gemini-callbacks.rules';

const API: GoogleApi = {
  name: 'Firebase Rules',
  host: 'firebaserules.googleapis.com',
  emulator: process.env['FIREBASE_RULES_EMULATOR_HOST'],
  role: 'roles/firebaserules.admin',
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { project: { type: 'string' }, database: { type: 'string' } },
});
const { project = '', database = '' } = values;
const release = `projects/${project}/releases/cloud.firestore${database === '(default)' ? '' : `/${database}`}`;
const content = readFileSync(RULES_FILE, 'utf8');

if (positionals[0] === 'publish') await publish();
else process.stdout.write(`${JSON.stringify(await check())}\n`);

async function check(): Promise<object | null> {
  const found = await read(release);
  if (found === undefined) return null;
  const { source } = ((await read(String(found['rulesetName']))) ?? {}) as { source?: JsonObject };
  const [{ name, content: published = '' } = {}] = objectsIn(source?.['files']);
  return { isCurrent: essenceOf(String(published)) === essenceOf(content), isOwned: name === FILE_NAME };
}

/** Removes comments and white space. */
function essenceOf(rules: string): string {
  return rules.replaceAll(/\/\/.*$|\/\*[^]*?\*\/|\s+/gm, '');
}

async function publish(): Promise<void> {
  const source = { files: [{ name: FILE_NAME, content }] };
  const ruleset = await write('POST', `projects/${project}/rulesets`, { source });
  const fields = { name: release, rulesetName: ruleset?.['name'] };
  if ((await read(release)) === undefined) await write('POST', `projects/${project}/releases`, fields);
  else await write('PATCH', release, { release: fields });
}

async function read(path: string): Promise<JsonObject | undefined> {
  return await callGoogle(API, project, `v1/${path}`);
}

async function write(method: 'POST' | 'PATCH', path: string, body: object): Promise<JsonObject | undefined> {
  return await callGoogle(API, project, `v1/${path}`, { method, body });
}
