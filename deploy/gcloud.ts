import { type Installation } from './installation.ts';
import { filled, type Line, line, type Resource } from './plan.ts';

/** Lines for `gcloud` in the installation's project. */
export class Gcloud {
  readonly #project: string;

  constructor({ project }: Pick<Installation, 'project'>) {
    this.#project = project;
  }

  run(...words: readonly string[]): Line {
    return line('gcloud', ...words, `--project=${this.#project}`, '--quiet');
  }

  read(...words: readonly string[]): Line {
    return line('gcloud', ...words, `--project=${this.#project}`, '--format=json');
  }

  value(path: string, ...words: readonly string[]): Line {
    return line('gcloud', ...words, `--project=${this.#project}`, `--format=value(${path})`);
  }
}

export interface Binding {
  /** What the role is on, for people. */
  readonly on: string;
  /** The command group and the resource's name: `pubsub topics` and `gemini-events`. */
  readonly group: readonly string[];
  readonly name: readonly string[];
  readonly member: string;
  readonly role: string;
  readonly condition?: { readonly title: string; readonly expression: string };
  /** Whether what comes before it in its step may change it. */
  readonly isLate?: true;
}

export interface Policy {
  readonly bindings?: readonly {
    readonly role: string;
    readonly members?: readonly string[];
    readonly condition?: { readonly expression?: string };
  }[];
}

/** Whether a member has any role there. */
export function holds({ bindings = [] }: Policy, member: string): boolean {
  return bindings.some(({ members }) => members?.includes(member));
}

/** One role of one member on one resource. */
export function bindingOf(
  installation: Installation,
  { on, group, name, member, role, condition, isLate }: Binding,
): Resource {
  const gcloud = new Gcloud(installation);
  const isProject = group[0] === 'projects';
  const flags = [
    `--member=${member}`,
    `--role=${role}`,
    ...(condition ? [`--condition=expression=${condition.expression},title=${condition.title}`] : []),
    ...(isProject && !condition ? ['--condition=None'] : []),
  ];
  // `projects` names the project itself.
  const call = (verb: string, ...more: readonly string[]) =>
    isProject ? line('gcloud', ...group, verb, ...name, ...more) : gcloud.run(...group, verb, ...name, ...more);
  return {
    kind: 'resource',
    title: `${role} on ${on} for ${member === PUBSUB_AGENT ? 'Pub/Sub itself' : member.replace(/^serviceAccount:/, '')}`,
    read: isProject
      ? line('gcloud', ...group, 'get-iam-policy', ...name, '--format=json')
      : gcloud.read(...group, 'get-iam-policy', ...name),
    isCurrent: ({ bindings = [] }: Policy, variables) =>
      bindings.some(
        (binding) =>
          binding.role === role &&
          binding.condition?.expression === condition?.expression &&
          binding.members?.includes(filled(member, variables)),
      ),
    create: [call('add-iam-policy-binding', ...flags)],
    remove: ({ bindings = [] }: Policy, variables) =>
      bindings.some((binding) => binding.role === role && binding.members?.includes(filled(member, variables)))
        ? [call('remove-iam-policy-binding', ...flags)]
        : [],
    ...(isLate ? { isLate } : {}),
  };
}

/** Service accounts of Google's own services are named after the project's number. */
export const PUBSUB_AGENT = 'serviceAccount:service-${PROJECT_NUMBER}@gcp-sa-pubsub.iam.gserviceaccount.com';
