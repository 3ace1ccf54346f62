import type { Installation } from './installation.ts';
import { filled, Gcloud, line } from './line.ts';
import type { Resource } from './plan.ts';

/** Google's own service accounts are named after the project's number. */
export const PUBSUB_AGENT = 'serviceAccount:service-${PROJECT_NUMBER}@gcp-sa-pubsub.iam.gserviceaccount.com';

interface Binding {
  /** The resource's name for people. */
  readonly on: string;
  /** Command group and words that name the resource: `pubsub topics` and `gemini-events`. */
  readonly group: readonly string[];
  readonly name: readonly string[];
  readonly member: string;
  readonly role: string;
  readonly condition?: { readonly title: string; readonly expression: string };
}

export interface Policy {
  readonly bindings?: readonly {
    readonly role: string;
    readonly members?: readonly string[];
    readonly condition?: { readonly expression?: string };
  }[];
}

/** Groups whose resources `destroy` may keep; with all others the binding disappears together with the resource. */
const KEPT_GROUPS = new Set(['projects', 'secrets', 'storage']);

/** Describes one role of one member on one resource. */
export function bindingOf(installation: Installation, { on, group, name, member, role, condition }: Binding): Resource {
  const gcloud = new Gcloud(installation);
  const isProject = group[0] === 'projects';
  const flags = [
    `--member=${member}`,
    `--role=${role}`,
    ...(condition ? [`--condition=expression=${condition.expression},title=${condition.title}`] : []),
    ...(isProject && !condition ? ['--condition=None'] : []),
  ];
  // `gcloud projects` takes the project as an argument.
  const call = (verb: string) =>
    isProject ? line('gcloud', ...group, verb, ...name, ...flags) : gcloud.run(...group, verb, ...name, ...flags);
  const has = ({ bindings = [] }: Policy, variables: Parameters<typeof filled>[1]) =>
    bindings.some(
      (binding) =>
        binding.role === role &&
        binding.condition?.expression === condition?.expression &&
        binding.members?.includes(filled(member, variables)),
    );
  return {
    kind: 'resource',
    title: `${role} on ${on} for ${member === PUBSUB_AGENT ? "Pub/Sub's service agent" : member.replace('serviceAccount:', '')}`,
    read: isProject
      ? line('gcloud', ...group, 'get-iam-policy', ...name, '--format=json')
      : gcloud.read(...group, 'get-iam-policy', ...name),
    differences: (policy: Policy, variables) => (has(policy, variables) ? [] : ['missing']),
    create: [call('add-iam-policy-binding')],
    ...(KEPT_GROUPS.has(group[0] ?? '') && {
      remove: (policy: Policy, variables) => (has(policy, variables) ? [call('remove-iam-policy-binding')] : []),
    }),
  };
}
