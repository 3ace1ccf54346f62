import { type Variable, VARIABLES } from '../../functions/config/variables.ts';

const HEAD = `# Configuration

For the people who run the functions. Generated from the table of variables in \`functions/config\` by \`npm run generate\`.

\`npm run deploy\` sets all of them; \`--set=NAME=value\` changes one. A missing or malformed value stops a function when it starts, with one message that names every bad variable, what is wrong and an example, and never its value.

| variable | default | used by | meaning |
| --- | --- | --- | --- |
`;

/** Returns `docs/configuration.md`. */
export function configurationPage(): string {
  const rows = Object.entries<Variable>(VARIABLES).map(([name, variable]) => {
    const names = variable.kind === 'secrets' ? `\`${name}\`, \`${name}_FILE\`` : `\`${name}\``;
    return `| ${names} | ${fallbackOf(variable)} | ${usersOf(variable)} | ${meaningOf(variable)} |`;
  });
  return `${HEAD}${rows.join('\n')}\n`;
}

function fallbackOf(variable: Variable): string {
  return 'fallback' in variable && variable.fallback !== undefined ? `\`${variable.fallback}\`` : 'none';
}

function usersOf({ usedBy }: Variable): string {
  return usedBy.length === 5 ? 'all' : usedBy.join(', ');
}

function meaningOf(variable: Variable): string {
  if (variable.kind === 'integer') return `${variable.meaning} ${variable.min} to ${variable.max} ${variable.unit}.`;
  if (variable.kind !== 'secrets') return variable.meaning;
  return `${variable.meaning} One or more, separated by white space or commas. The file has the same content and is read again after at most 30 s, so that a rotation needs no deployment.`;
}
