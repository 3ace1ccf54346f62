import type { Context } from '../context.ts';
import { isSecret, INSTALLATION_VARIABLES } from '../installation/variableGroups.ts';
import { table } from '../terminal.ts';

const HIDDEN = '(hidden)';
const UNSET = '(not set)';

interface Shown {
  readonly name: string;
  /** `(hidden)` for a secret; `(not set)` where the default applies, if there is one. */
  readonly value: string;
  readonly origin: string;
}

export async function configCommand(context: Context): Promise<void> {
  const installation = await context.installation();
  const settings = await Promise.all(
    INSTALLATION_VARIABLES.map(async (name): Promise<Shown> => {
      const found = await installation.find(name, { reveal: false });
      if (found === undefined) return { name, value: UNSET, origin: '' };
      return { name, value: isSecret(name) ? HIDDEN : (found.value ?? ''), origin: found.origin };
    }),
  );
  const { project, region, prefix } = installation.place ?? {};
  context.terminal.result({ installation: { project, region, prefix }, settings }, () =>
    table(
      ['NAME', 'VALUE', 'SOURCE'],
      settings.map(({ name, value, origin }) => [name, value, origin]),
    ),
  );
}
