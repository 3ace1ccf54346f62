import type { FunctionName } from '../functions/config/functionNames.ts';
import type { Account, InstallationSpec } from './installation.ts';
import { line, substitute, type Variables } from './line.ts';
import type { Resource } from './plan.ts';
import { present } from './resource.ts';

/** Google's own service accounts are named after the project's number. */
const PUBSUB_AGENT = 'serviceAccount:service-${PROJECT_NUMBER}@gcp-sa-pubsub.iam.gserviceaccount.com';

/** A resource with a policy. */
export interface Target {
  readonly title: string;
  /** Command group, for example `pubsub topics`, and the words that name the resource. */
  readonly group: readonly string[];
  readonly words: readonly string[];
}

interface Grant {
  readonly role: string;
  readonly on: Target;
  readonly to: Account | 'pubsubAgent';
  readonly condition?: { readonly title: string; readonly expression: string };
}

interface Policy {
  readonly bindings?: readonly {
    readonly role: string;
    readonly members?: readonly string[];
    readonly condition?: { readonly expression?: string };
  }[];
}

export const topic = (name: string): Target => ({ title: `topic ${name}`, group: ['pubsub', 'topics'], words: [name] });

/** Groups whose resources `destroy` may keep; with all others the binding disappears together with the resource. */
const KEPT_GROUPS = new Set(['projects', 'secrets', 'storage']);

/** Describes one role of one account on one resource. */
export function grant({ gcloud, accounts }: InstallationSpec, { role, on, to, condition }: Grant): Resource {
  const { group, words } = on;
  const isProject = group[0] === 'projects';
  const member = to === 'pubsubAgent' ? PUBSUB_AGENT : `serviceAccount:${accounts[to]}`;
  const flags = [
    `--member=${member}`,
    `--role=${role}`,
    ...(condition ? [`--condition=expression=${condition.expression},title=${condition.title}`] : []),
    ...(isProject && !condition ? ['--condition=None'] : []),
  ];
  // `gcloud projects` takes the project as an argument.
  const call = (verb: string) =>
    isProject ? line('gcloud', ...group, verb, ...words, ...flags) : gcloud.run(...group, verb, ...words, ...flags);
  const isGranted = ({ bindings = [] }: Policy, variables: Variables) =>
    bindings.some(
      (binding) =>
        binding.role === role &&
        binding.condition?.expression === condition?.expression &&
        binding.members?.includes(substitute(member, variables)),
    );
  return present(
    `${role} on ${on.title} for ${to === 'pubsubAgent' ? "Pub/Sub's service agent" : accounts[to]}`,
    isProject
      ? line('gcloud', ...group, 'get-iam-policy', ...words, '--format=json')
      : gcloud.read(...group, 'get-iam-policy', ...words),
    isGranted,
    call('add-iam-policy-binding'),
    KEPT_GROUPS.has(group[0] ?? '')
      ? {
          remove: (policy: Policy, variables) =>
            isGranted(policy, variables) ? [call('remove-iam-policy-binding')] : [],
        }
      : {},
  );
}

/** Describes the role with which an account calls a function. */
export function invoker(installation: InstallationSpec, name: FunctionName, to: Account): Resource {
  const service = installation.services[name];
  const on = { title: service, group: ['run', 'services'], words: [service, `--region=${installation.region}`] };
  return grant(installation, { role: 'roles/run.invoker', on, to });
}

/** Describes Pub/Sub's service agent, which a new project lacks until it is requested. A role of its shows that it exists. */
export function pubsubAgent({ gcloud, topics }: InstallationSpec): Resource {
  return present(
    "Pub/Sub's service agent",
    gcloud.read('pubsub', 'topics', 'get-iam-policy', topics.deadLetter),
    ({ bindings = [] }: Policy, variables) =>
      bindings.some(({ members }) => members?.includes(substitute(PUBSUB_AGENT, variables))),
    gcloud.run('beta', 'services', 'identity', 'create', '--service=pubsub.googleapis.com'),
  );
}
