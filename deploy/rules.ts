import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { GoogleAuth } from 'google-auth-library';

/**
 * Manages Firestore's security rules, for which gcloud has no command: `check` compares the published rules with the
 * file, and `publish` publishes the file.
 *
 * https://firebase.google.com/docs/reference/rules/rest
 */
const RULES_FILE = join(import.meta.dirname, '../firestore.rules');
/** Marks rules that this project has published. */
const FILE_NAME = 'gemini-callbacks.rules';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { project: { type: 'string' }, database: { type: 'string' } },
});
const { project = '', database = '' } = values;
const emulator = process.env['FIREBASE_RULES_EMULATOR_HOST'];
const base = emulator === undefined ? 'https://firebaserules.googleapis.com/v1' : `http://${emulator}/v1`;
const release = `projects/${project}/releases/cloud.firestore${database === '(default)' ? '' : `/${database}`}`;
const content = readFileSync(RULES_FILE, 'utf8');

if (positionals[0] === 'publish') await publish();
else process.stdout.write(`${JSON.stringify(await check())}\n`);

async function check(): Promise<object | null> {
  const found = await released();
  if (found === undefined) return null;
  return { isCurrent: essenceOf(found.content) === essenceOf(content), isOwned: found.name === FILE_NAME };
}

/** Removes comments and white space. */
function essenceOf(rules: string): string {
  return rules.replaceAll(/\/\/.*$|\/\*[^]*?\*\/|\s+/gm, '');
}

async function released(): Promise<{ name: string; content: string } | undefined> {
  const found = await call('GET', release);
  if (found === undefined) return undefined;
  const ruleset = await call('GET', String(found['rulesetName']));
  const { files = [] } = (ruleset?.['source'] ?? {}) as { files?: readonly { name?: string; content?: string }[] };
  const [{ name = '', content: text = '' } = {}] = files;
  return { name, content: text };
}

async function publish(): Promise<void> {
  const source = { files: [{ name: FILE_NAME, content }] };
  const made = await call('POST', `projects/${project}/rulesets`, { source });
  const fields = { name: release, rulesetName: made?.['name'] };
  if ((await call('GET', release)) === undefined) await call('POST', `projects/${project}/releases`, fields);
  else await call('PATCH', release, { release: fields });
}

/** @returns `undefined` where the resource is missing. */
async function call(method: string, path: string, body?: object): Promise<Record<string, unknown> | undefined> {
  const response = await fetch(`${base}/${path}`, {
    method,
    headers: { 'content-type': 'application/json', 'x-goog-user-project': project, ...(await authorization()) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (response.status === 404) return undefined;
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text) as Record<string, unknown>;
}

async function authorization(): Promise<Readonly<Record<string, string>>> {
  if (emulator !== undefined) return {};
  const auth = new GoogleAuth({ scopes: 'https://www.googleapis.com/auth/cloud-platform' });
  return { authorization: `Bearer ${await auth.getAccessToken()}` };
}
