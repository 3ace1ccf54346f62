import type { GcloudCommand } from '../../support/gcloud.ts';

/** A command line of gcloud in its parts: `pubsub topics`, `create`, names and flags. */
export interface Call {
  readonly kind: string;
  readonly verb: string;
  readonly names: readonly string[];
  readonly flags: Readonly<Record<string, readonly string[]>>;
  readonly stdin: string;
  /** The first value of a flag. */
  readonly flag: (name: string) => string | undefined;
}

const VERBS =
  /^(create|create-oidc|describe|delete|update|update-traffic|set-cleanup-policies|list|deploy|enable|resume|access|add|rm|version|print-access-token|list-files-for-upload|(get|add|remove)-iam-policy(-binding)?)$/;

const CHANGING =
  /\b(create|delete|update|update-traffic|set-cleanup-policies|deploy|enable|resume|versions add|rm|(add|remove)-iam-policy-binding)\b/;

export function parseCall({ args, stdin }: GcloudCommand): Call {
  const words = args.filter((word) => !word.startsWith('--'));
  const at = words.findIndex((word) => VERBS.test(word));
  const kind = words.slice(0, at).join(' ');
  const names = words.slice(at + 1).filter((word) => word !== 'http');
  const flags = flagsOf(args);
  return {
    kind,
    verb: words[at]?.replace('create-oidc', 'create') ?? '',
    names: kind === 'iam service-accounts' ? names.map((name) => name.replace(/@.*/, '')) : names,
    flags,
    stdin,
    flag: (name) => flags[name]?.[0],
  };
}

/** Returns true for a command that changes something. */
export function isChanging({ args }: GcloudCommand): boolean {
  return CHANGING.test(args.filter((word) => !word.startsWith('--')).join(' '));
}

function flagsOf(args: readonly string[]): Call['flags'] {
  const flags: Record<string, string[]> = {};
  for (const [, name = '', value = ''] of args.flatMap((arg) => [/^--([\w-]+)(?:=([^]*))?$/.exec(arg) ?? []]))
    if (name !== '') (flags[name] ??= []).push(value);
  return flags;
}

/** Reads `a=1,b=2`. */
export function pairsOf(text = ''): Record<string, string> {
  const pairs = text.split(',').filter((pair) => pair !== '');
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}

interface Fields extends Record<string, unknown> {
  readonly displayName?: string | undefined;
}

/** The fields of a resource that a command line sets. */
export function fieldsOf({ kind, verb, names, flag, flags, stdin }: Call): Fields {
  const domain = flag('project')?.split(':').toReversed().join('.');
  const labels = flag('labels') ?? flag('update-labels');
  const fields: Fields = {
    displayName: flag('display-name'),
    labels: labels === undefined ? undefined : pairsOf(labels),
    description: flag('description'),
    type: flag('type')?.toUpperCase().replaceAll('-', '_'),
    filter: flag('message-filter'),
    enableMessageOrdering: 'enable-message-ordering' in flags || undefined,
    state: kind === 'scheduler jobs' && verb === 'create' ? 'ENABLED' : undefined,
    email: kind === 'iam service-accounts' ? `${names[0]}@${domain}.iam.gserviceaccount.com` : undefined,
    ...(stdin === '' || kind === 'secrets' ? {} : (JSON.parse(stdin) as Fields)),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** Returns gcloud's message about a missing resource of each kind. */
export function missing(kind: string, name: string, { flag }: Call): string {
  const messages: Readonly<Record<string, string>> = {
    'firestore databases': `NOT_FOUND: Project '${flag('project')}' or database '${flag('database')}' does not exist.`,
    'artifacts repositories': `NOT_FOUND: Requested entity was not found.`,
    'run services': `NOT_FOUND: Resource '${name}' of kind 'SERVICE' in region '${flag('region')}' in project '${flag('project')}' does not exist.`,
    'storage buckets': `${name} not found: 404.`,
    'iam service-accounts': 'NOT_FOUND: Unknown service account.',
    'logging metrics': `NOT_FOUND: Metric ${name} does not exist.`,
    'scheduler jobs': 'NOT_FOUND: Job not found.',
    secrets: `NOT_FOUND: Secret [projects/123456789012/secrets/${name}] not found.`,
  };
  const message = messages[kind] ?? `NOT_FOUND: Resource not found (resource=${name}).`;
  return `ERROR: (gcloud.${kind.replaceAll(' ', '.')}) ${message}`;
}
