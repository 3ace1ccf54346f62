import { itemsOf, type Step, type ShellVariable } from './plan.ts';

/** Returns the lines that create an installation in an empty project, as a script to run in the project's folder. */
export function scriptOf(steps: readonly Step[]): string {
  const lines = ['#!/usr/bin/env bash', 'set -euo pipefail'];
  const known = new Set<string>();
  for (const step of steps) {
    lines.push('', `# ${step.title}`);
    for (const item of itemsOf(step)) {
      if (item.kind === 'resource') lines.push(...(item.create ?? []));
      if (item.kind === 'task') lines.push(item.line);
      if (item.kind === 'variable' && !item.isCompared && !known.has(item.name)) {
        lines.push(exportOf(item));
        known.add(item.name);
      }
    }
  }
  return `${lines.join('\n')}\n`;
}

function exportOf({ name, value, unlessSet }: ShellVariable): string {
  const text = 'fixed' in value ? value.fixed : `$(${value.read})`;
  return `export ${name}="${unlessSet ? `\${${name}:-${text}}` : text}"`;
}
