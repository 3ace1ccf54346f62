import { Command } from 'commander';
import { Context } from '../../cli/context.ts';
import { GROUPS } from '../../cli/groups.ts';

const HEAD = `# Command line

For operators and developers. Generated from the commands' own help by \`npm run generate\`.

\`\`\`sh
npx gemini-callbacks --help
\`\`\`

Every command takes \`--json\` (one object on standard output, errors as one object on standard error), \`--help\`, and the flags of the installation: \`--project\`, \`--region\`, \`--prefix\`, or \`--local\` for what \`npm start\` runs. After a deployment from the same folder they can be
left out. Variables of [Configuration](configuration.md) that are set win. Commands that change something ask first; \`--yes\` answers. Exit codes: 0 done, 1 failed or found a problem, 2 wrong usage, 3 done but not proved to work.
`;

/** Returns `docs/cli.md`. */
export async function commandLinePage(): Promise<string> {
  const program = new Command('gemini-callbacks');
  const adding = new Set(await Promise.all(Object.values(GROUPS).map(async ({ load }) => await load())));
  for (const add of adding) add(program, () => new Context({}, {}));
  const sections = program.commands
    .toSorted((a, b) => a.name().localeCompare(b.name()))
    .map((group) => `## ${group.name()}\n\n${group.description()}\n\n${leavesOf(group).map(sectionOf).join('\n')}`);
  return [HEAD, ...sections].join('\n');
}

/** The commands that run: a group has several, the others are one. */
function leavesOf(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf);
}

function sectionOf(command: Command): string {
  return `\`\`\`text\n${command.configureHelp({ helpWidth: 110 }).helpInformation().trimEnd()}\n\`\`\`\n`;
}
