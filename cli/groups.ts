import type { Command } from 'commander';
import type { Context } from './context.ts';

/** Adds a group's commands; the context is there when one of them runs. */
type AddCommands = (program: Command, context: () => Context) => void;

interface Group {
  readonly load: () => Promise<AddCommands>;
  /** Its commands define `--project`, `--region`, `--prefix` and `--yes` themselves. */
  readonly hasOwnFlags?: true;
}

/** The first words of all commands; each group is loaded when it is named. */
export const GROUPS = {
  status: { load: async () => (await import('./status/commands.ts')).addStatusCommand },
  doctor: { load: async () => (await import('./doctor/commands.ts')).addDoctorCommand },
  jobs: { load: async () => (await import('./jobs/commands.ts')).addJobCommands },
  deliveries: { load: async () => (await import('./deliveries/commands.ts')).addDeliveryCommands },
  webhooks: { load: async () => (await import('./webhooks/commands.ts')).addWebhookCommands },
  events: { load: async () => (await import('./events/commands.ts')).addEventCommands },
  submit: { load: async () => (await import('./submit/commands.ts')).addSubmitCommands },
  deploy: { load: async () => (await import('../deploy/commands.ts')).addDeployCommand, hasOwnFlags: true },
  destroy: { load: async () => (await import('../deploy/commands.ts')).addDestroyCommand, hasOwnFlags: true },
  config: { load: async () => (await import('./config/commands.ts')).addConfigCommand },
} as const satisfies Record<string, Group>;

export type GroupName = keyof typeof GROUPS;

export function isGroup(word: string): word is GroupName {
  return Object.hasOwn(GROUPS, word);
}

/** Returns true where the group's commands define the installation's flags themselves. */
export function hasOwnFlags(name: GroupName): boolean {
  const group: Group = GROUPS[name];
  return group.hasOwnFlags ?? false;
}
