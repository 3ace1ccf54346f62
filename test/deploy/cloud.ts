import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { GcloudCommand } from '../support/gcloud.ts';

interface Answer {
  readonly exitCode: number;
  readonly output: string;
}

type Flags = Readonly<Record<string, readonly string[]>>;
type Thing = Record<string, unknown>;

const VERBS =
  /^(create|describe|delete|update|list|deploy|enable|access|add|rm|print-access-token|list-files-for-upload|(get|add|remove)-iam-policy(-binding)?)$/;

/**
 * A gcloud that only passes on: its words, each behind a NUL, then its standard input. With what bash has built in, since
 * a deployment calls it hundreds of times.
 */
const GCLOUD = `#!/usr/bin/env bash
exec 3<>"/dev/tcp/127.0.0.1/$GCLOUD_STAND_IN"
printf '%s\\0' "$@" >&3
printf '\\0' >&3
case "$*" in *=-*) cat >&3 ;; esac
printf '\\1' >&3
IFS= read -r -d '' answer <&3
code=\${answer%%$'\\n'*}; output=\${answer#*$'\\n'}
if [ "$code" = 0 ]; then printf '%s\\n' "$output"; else printf '%s\\n' "$output" >&2; fi
exit "$code"
`;

const OK = (value: unknown = ''): Answer => ({
  exitCode: 0,
  output: typeof value === 'string' ? value : JSON.stringify(value),
});
const MISSING: Answer = { exitCode: 1, output: 'ERROR: (gcloud) NOT_FOUND: Resource not found.' };
const EXISTS: Answer = { exitCode: 1, output: 'ERROR: (gcloud) ALREADY_EXISTS: Resource already exists.' };

/**
 * A Google Cloud project as `gcloud` shows it: what is created is there, what is not there is NOT_FOUND, and every
 * command is kept. It checks no flags; the real gcloud does, for what is recorded here.
 */
export class Cloud {
  readonly commands: GcloudCommand[] = [];
  readonly things = new Map<string, Thing>();
  readonly bindings = new Map<string, { role: string; member: string; condition?: string }[]>();
  /** Lets a command fail, with what it says. */
  failing: { pattern: RegExp; output: string } | undefined;
  /** The URL of geminiCallback, where one runs. */
  callbackUrl = 'https://geminicallback-hash-ew.a.run.app';
  readonly #server: Server;
  readonly #bin = mkdtempSync(join(tmpdir(), 'gcloud-stand-in-'));

  private constructor() {
    this.#server = createServer((socket) => {
      let sent = '';
      socket.setEncoding('utf8').on('data', (text) => {
        sent += text;
        if (!sent.endsWith('\u0001')) return;
        const [words = '', stdin = ''] = sent.slice(0, -1).split('\0\0');
        const { exitCode, output } = this.#answer({ args: words.split('\0'), stdin });
        socket.end(`${exitCode}\n${output}\0`);
      });
    });
    writeFileSync(join(this.#bin, 'gcloud'), GCLOUD);
    chmodSync(join(this.#bin, 'gcloud'), 0o755);
  }

  static async open(): Promise<Cloud> {
    const cloud = new Cloud();
    await once(cloud.#server.listen(0, '127.0.0.1'), 'listening');
    return cloud;
  }

  /** With which a process finds this `gcloud` before any other. */
  get env(): NodeJS.ProcessEnv {
    const { port } = this.#server.address() as AddressInfo;
    const path = `${this.#bin}${delimiter}${process.env['PATH']}`;
    return { PATH: path, HOME: process.env['HOME'], GCLOUD_STAND_IN: String(port) };
  }

  /** What has been changed since the last call. */
  changes(): readonly string[] {
    const changing = /\b(create|delete|update|deploy|enable|versions add|rm|(add|remove)-iam-policy-binding)\b/;
    return this.commands.splice(0).flatMap(({ args }) => (changing.test(args.join(' ')) ? args.join(' ') : []));
  }

  async close(): Promise<void> {
    this.#server.close();
    rmSync(this.#bin, { recursive: true });
  }

  #answer(command: GcloudCommand): Answer {
    this.commands.push(command);
    const spoken = command.args.join(' ');
    if (this.failing?.pattern.test(spoken)) return { exitCode: 1, output: this.failing.output };
    const flags = flagsOf(command.args);
    const words = command.args.filter((word) => !word.startsWith('--'));
    const at = words.findIndex((word) => VERBS.test(word));
    const kind = words.slice(0, at).join(' ');
    const verb = words[at] ?? '';
    const isAccount = kind === 'iam service-accounts';
    const names = words
      .slice(at + 1)
      .flatMap((word) => (word === 'http' ? [] : isAccount ? word.replace(/@.*/, '') : word));
    if (verb.endsWith('iam-policy') || verb.endsWith('iam-policy-binding'))
      return this.#access(kind, verb, names[0] ?? '', flags);
    return (
      this.#special(kind, verb, names, flags, command.stdin) ?? this.#thing(kind, verb, names, flags, command.stdin)
    );
  }

  /** What is not simply made, shown and taken away by its name. */
  #special(kind: string, verb: string, names: readonly string[], flags: Flags, stdin: string): Answer | undefined {
    switch (`${kind} ${verb}`) {
      case 'auth print-access-token':
      case 'auth application-default print-access-token':
        return OK('token');
      case 'meta list-files-for-upload':
        return OK('package.json\nfunctions/index.ts');
      case 'projects describe':
        return OK('123456789012');
      case 'services enable':
        for (const name of names) this.things.set(`services/${name}`, { config: { name } });
        return OK();
      case 'secrets versions add':
        return this.#version(names[0] ?? '', stdin);
      case 'secrets versions list':
        return this.#ifThere(`secrets/${names[0]}`, ({ versions }) => OK(versions ?? []));
      case 'secrets versions access':
        return this.#ifThere(`secrets/${flags['secret']?.[0]}`, ({ versions }) => OK((versions as string[]).at(-1)));
      case 'firestore indexes composite create':
        return this.#index(flags);
      case 'firestore indexes fields update':
        return this.#field(names[0], flags, { indexConfig: { indexes: flags['index'] ?? [] } });
      case 'firestore fields ttls update':
        return this.#field(names[0], flags, { ttlConfig: { state: 'CREATING' } });
      case 'storage rm':
        this.#forget(`storage buckets/${names[0]}`);
        return OK();
      case 'functions deploy':
        return this.#function(names[0] ?? '', flags);
      case 'functions describe':
        return this.#ifThere(`functions/${names[0]}`, (thing) =>
          flags['format']?.[0] === 'json' ? OK(thing) : OK((thing['serviceConfig'] as { uri: string }).uri),
        );
      case 'run services update':
        return this.#ifThere(`run services/${names[0]}`, (thing) => {
          thing['spec'] = {
            template: { metadata: { annotations: { 'run.googleapis.com/startup-cpu-boost': 'true' } } },
          };
          return OK();
        });
      default:
        return undefined;
    }
  }

  #thing(kind: string, verb: string, names: readonly string[], flags: Flags, stdin: string): Answer {
    if (verb === 'list') return OK(this.#listed(kind, flags));
    const sent = stdin === '' ? {} : (JSON.parse(stdin) as Thing & { readonly displayName?: string });
    const displayName = sent.displayName ?? flags['display-name']?.[0];
    const fields: Thing = { ...sent, displayName, labels: labelsOf(flags), description: flags['description']?.[0] };
    const given = Object.entries({ ...fields, ...sent }).filter(([, value]) => value !== undefined);
    for (const name of names.length > 0 ? names : [flags['database']?.[0] ?? displayName ?? '']) {
      const key = `${kind}/${name}`;
      const thing = this.things.get(key);
      if (verb === 'create' && thing) return EXISTS;
      if (verb !== 'create' && !thing) return MISSING;
      if (verb === 'create' || verb === 'update')
        this.things.set(key, { ...thing, ...Object.fromEntries(given), name });
      if (verb === 'delete') this.#forget(key);
      if (verb === 'describe') return OK(thing);
    }
    return OK();
  }

  #forget(key: string): void {
    this.things.delete(key);
    this.bindings.delete(key);
    const service = key.startsWith('functions/') ? `run services/${key.slice('functions/'.length).toLowerCase()}` : '';
    this.things.delete(service);
    this.bindings.delete(service);
  }

  #listed(kind: string, flags: Flags): readonly Thing[] | string {
    const wanted = /displayName="(.*)"/.exec(flags['filter']?.[0] ?? '')?.[1];
    const found = [...this.things]
      .filter(
        ([key, { displayName }]) => key.startsWith(`${kind}/`) && (wanted === undefined || displayName === wanted),
      )
      .map(([, thing]) => thing);
    return flags['format']?.[0] === 'json' ? found : found.map(({ name }) => String(name)).join('\n');
  }

  #access(kind: string, verb: string, name: string, flags: Flags): Answer {
    const key = `${kind}/${name}`;
    if (kind !== 'projects' && !this.things.has(key)) return MISSING;
    const bindings = this.bindings.get(key) ?? [];
    this.bindings.set(key, bindings);
    const [role = '', member = ''] = [flags['role']?.[0], flags['member']?.[0]];
    const condition = /^expression=(.*),title=/.exec(flags['condition']?.[0] ?? '')?.[1];
    if (verb === 'add-iam-policy-binding') bindings.push({ role, member, ...(condition ? { condition } : {}) });
    if (verb === 'remove-iam-policy-binding')
      this.bindings.set(
        key,
        bindings.filter((one) => one.role !== role || one.member !== member),
      );
    const shown = bindings.map(({ role: its, member: whose, condition: expression }) => ({
      role: its,
      members: [whose],
      condition: expression && { expression },
    }));
    return OK({ etag: 'ACAB', bindings: shown });
  }

  #version(secret: string, value: string): Answer {
    return this.#ifThere(`secrets/${secret}`, (thing) => {
      thing['versions'] = [...((thing['versions'] as string[] | undefined) ?? []), value];
      return OK();
    });
  }

  #index(flags: Flags): Answer {
    const group = flags['collection-group']?.[0] ?? '';
    const fields = (flags['field-config'] ?? []).map((text_) => {
      const [, fieldPath, order] = /^field-path=(.*),order=(.*)$/.exec(text_) ?? [];
      return { fieldPath, order: order?.toUpperCase() };
    });
    const name = `projects/p/databases/d/collectionGroups/${group}/indexes/${this.things.size}`;
    const all = [...fields, { fieldPath: '__name__', order: 'ASCENDING' }];
    this.things.set(`firestore indexes composite/${name}`, { name, fields: all });
    return OK();
  }

  #field(path = '', flags: Flags, change: Thing): Answer {
    const name = `projects/p/databases/d/collectionGroups/${flags['collection-group']?.[0]}/fields/${path}`;
    const key = `firestore indexes fields/${name}`;
    this.things.set(key, { ...this.things.get(key), name, ...change });
    return OK();
  }

  #function(name: string, flags: Flags): Answer {
    const service = name.toLowerCase();
    const uri = service.endsWith('geminicallback') ? this.callbackUrl : `https://${service}-hash-ew.a.run.app`;
    this.things.set(`functions/${name}`, {
      name,
      state: 'ACTIVE',
      labels: labelsOf(flags),
      serviceConfig: { uri },
      account: flags['service-account']?.[0],
    });
    if (!this.things.has(`run services/${service}`)) this.things.set(`run services/${service}`, {});
    return OK();
  }

  #ifThere(key: string, answer: (thing: Thing) => Answer): Answer {
    const thing = this.things.get(key);
    return thing === undefined ? MISSING : answer(thing);
  }
}

function flagsOf(args: readonly string[]): Flags {
  const flags: Record<string, string[]> = {};
  for (const [, name = '', value = ''] of args.flatMap((arg) => [/^--([\w-]+)(?:=([^]*))?$/.exec(arg) ?? []])) {
    if (name !== '') (flags[name] ??= []).push(value);
  }
  return flags;
}

function labelsOf(flags: Flags): Record<string, string> | undefined {
  const given = flags['labels']?.[0] ?? flags['update-labels']?.[0];
  return given === undefined ? undefined : Object.fromEntries(given.split(',').map((label) => label.split('=')));
}
