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
