import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import type { GcloudCommand } from '../../support/gcloud.ts';
import { type CloudService, deployService, describeService, type Flags, moveTraffic, pairsOf } from './cloudRun.ts';

interface Answer {
  readonly exitCode: number;
  readonly output: string;
}

type Thing = Record<string, unknown>;
type Flat = Readonly<Record<string, string>>;

const VERBS =
  /^(create|create-oidc|describe|delete|update|update-traffic|set-cleanup-policies|list|deploy|enable|resume|access|add|rm|version|print-access-token|list-files-for-upload|(get|add|remove)-iam-policy(-binding)?)$/;

/**
 * A gcloud that forwards its words, each followed by a NUL, and its standard input: a function of bash, because a
 * deployment calls it hundreds of times.
 */
const GCLOUD = `() { (
set +eu
exec 3<>"/dev/tcp/127.0.0.1/$GCLOUD_STAND_IN"
printf '%s\\0' "$@" >&3
printf '\\0' >&3
for word; do case "$word" in *=-) cat >&3 ;; esac; done
printf '\\1' >&3
IFS= read -r -d '' answer <&3
code=\${answer%%$'\\n'*}; output=\${answer#*$'\\n'}
if [ "$code" = 0 ]; then printf '%s\\n' "$output"; else printf '%s\\n' "$output" >&2; fi
exit "$code"
) }`;

/** `npm exec -- node …` without npm, which takes longer to start than what it runs. */
const NPM = '() { if [ "$1" = exec ]; then shift 2; "$@"; else command npm "$@"; fi; }';

const OK = (value: unknown = ''): Answer => ({
  exitCode: 0,
  output: typeof value === 'string' ? value : JSON.stringify(value),
});
const EXISTS: Answer = { exitCode: 1, output: 'ERROR: (gcloud) ALREADY_EXISTS: Resource already exists.' };

/**
 * A Google Cloud project as `gcloud` shows it. It keeps what is created, reports what is missing in gcloud's own words,
 * and records every command. It checks no flags: the real gcloud does, with the recorded commands.
 */
export class Cloud {
  readonly commands: GcloudCommand[] = [];
  readonly things = new Map<string, Thing>();
  readonly bindings = new Map<string, { role: string; member: string; condition?: string }[]>();
  readonly services = new Map<string, CloudService>();
  /** Makes commands fail with a message, a number of times or always. */
  failing: { pattern: RegExp; output: string; times?: number } | undefined;
  /** URL of a revision's tag. */
  tagUrl: (service: string, tag: string) => string = (service, tag) => `https://${tag}---${service}-hash.a.run.app`;
  /** Returns whether a new revision of a service starts. */
  starts: (service: string) => boolean = () => true;
  /** The environment of the command. */
  version = '528.0.0';
  account = 'owner@example.test';
  billing = 'True';
  /** Number of images built so far. */
  builds = 0;
  readonly #secrets: Map<string, string[]>;
  readonly #server: Server;

  private constructor(secrets: Map<string, string[]>) {
    this.#secrets = secrets;
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
  }

  /** @param secrets the versions of each secret by its whole name, which others may show as well. */
  static async open(secrets: Map<string, string[]>): Promise<Cloud> {
    const cloud = new Cloud(secrets);
    await once(cloud.#server.listen(0, '127.0.0.1'), 'listening');
    return cloud;
  }

  /** The variables that define this `gcloud`, and a quick npm, in bash. */
  get env(): NodeJS.ProcessEnv {
    const { port } = this.#server.address() as AddressInfo;
    const { PATH, HOME } = process.env;
    const functions = { 'BASH_FUNC_gcloud%%': GCLOUD, 'BASH_FUNC_npm%%': NPM };
    return { PATH, HOME, ...functions, GCLOUD_STAND_IN: String(port) };
  }

  /** Commands since the last call that change something. */
  changes(): readonly string[] {
    const changing =
      /\b(create|delete|update|update-traffic|set-cleanup-policies|deploy|enable|resume|versions add|rm|(add|remove)-iam-policy-binding)\b/;
    return this.commands.splice(0).flatMap(({ args }) => {
      const spoken = args.join(' ');
      return changing.test(spoken.replaceAll(/ --[^ ]*/g, '')) ? spoken : [];
    });
  }

  async close(): Promise<void> {
    this.#server.close();
  }

  #answer(command: GcloudCommand): Answer {
    this.commands.push(command);
    const spoken = command.args.join(' ');
    if (this.#fails(spoken)) return { exitCode: 1, output: this.failing?.output ?? '' };
    const flags = flagsOf(command.args);
    const words = command.args.filter((word) => !word.startsWith('--'));
    const at = words.findIndex((word) => VERBS.test(word));
    const kind = words.slice(0, at).join(' ');
    const verb = words[at]?.replace('create-oidc', 'create') ?? '';
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

  #fails(spoken: string): boolean {
    if (this.failing === undefined || !this.failing.pattern.test(spoken)) return false;
    const { times = Number.POSITIVE_INFINITY } = this.failing;
    this.failing.times = times - 1;
    return times > 0;
  }

  /** Commands beside create, describe, update, list and delete. */
  #special(kind: string, verb: string, names: readonly string[], flags: Flags, stdin: string): Answer | undefined {
    switch (`${kind} ${verb}`) {
      case ' version':
        return OK({ 'Google Cloud SDK': this.version });
      case 'auth print-access-token':
        return this.account === '' ? { exitCode: 1, output: 'ERROR: no active account' } : OK('token');
      case 'auth list':
        return OK(this.account);
      case 'billing projects describe':
        return OK(this.billing);
      case 'artifacts repositories set-cleanup-policies':
        return this.#ifThere(`artifacts repositories/${names[0]}`, flags, (thing) => {
          thing['cleanupPolicies'] = { 'delete-old': {}, 'keep-last-ten': {} };
          return OK();
        });
      case 'auth application-default print-access-token':
        return OK('token');
      case 'meta list-files-for-upload':
        return OK('package.json\nfunctions/index.ts');
      case 'projects describe':
        return OK('123456789012');
      case 'services enable':
        for (const name of names) this.things.set(`services/${name}`, { config: { name } });
        return OK();
      case 'beta services identity create':
        return OK('Service identity created');
      case 'secrets versions add':
        return this.#ifThere(`secrets/${names[0]}`, flags, () => {
          const whole = secretOf(names[0], flags);
          this.#secrets.set(whole, [...(this.#secrets.get(whole) ?? []), stdin]);
          return OK();
        });
      case 'secrets versions list':
        return this.#ifThere(`secrets/${names[0]}`, flags, () =>
          OK(this.#secrets.get(secretOf(names[0], flags)) ?? []),
        );
      case 'secrets versions access': {
        const [name] = flags['secret'] ?? [];
        return this.#ifThere(`secrets/${name}`, flags, () => OK(this.#secrets.get(secretOf(name, flags))?.at(-1)));
      }
      case 'secrets delete':
        this.#secrets.delete(secretOf(names[0], flags));
        return undefined;
      case 'firestore indexes composite create':
        return this.#index(flags);
      case 'firestore indexes fields update':
        return this.#field(names[0], flags, { indexConfig: { indexes: flags['index'] ?? [] } });
      case 'firestore fields ttls update':
        return this.#field(names[0], flags, { ttlConfig: { state: 'CREATING' } });
      case 'storage rm':
        this.#forget(`storage buckets/${names[0]}`);
        this.#forget(`archives/${names[0]}`);
        return OK();
      case 'storage objects list':
        return OK(this.things.has(`archives/${names[0]?.replace('/**', '')}`) ? [{ name: 'archive.zip' }] : []);
      case 'run deploy':
      case 'run services describe':
      case 'run services update':
      case 'run services update-traffic':
      case 'run services delete':
        return this.#run(verb, names[0] ?? '', flags);
      case 'scheduler jobs resume':
        return this.#ifThere(`scheduler jobs/${names[0]}`, flags, (thing) => {
          thing['state'] = 'ENABLED';
          return OK();
        });
      default:
        return undefined;
    }
  }

  #thing(kind: string, verb: string, names: readonly string[], flags: Flags, stdin: string): Answer {
    if (verb === 'list') return OK(this.#listed(kind, flags));
    const sent =
      stdin === '' || kind === 'secrets' ? {} : (JSON.parse(stdin) as Thing & { readonly displayName?: string });
    const displayName = sent.displayName ?? flags['display-name']?.[0];
    const fields: Thing = {
      displayName,
      labels: labelsOf(flags),
      description: flags['description']?.[0],
      type: flags['type']?.[0]?.toUpperCase().replaceAll('-', '_'),
      filter: flags['message-filter']?.[0],
      enableMessageOrdering: 'enable-message-ordering' in flags || undefined,
      state: kind === 'scheduler jobs' && verb === 'create' ? 'ENABLED' : undefined,
    };
    const [project = ''] = flags['project'] ?? [];
    const email =
      kind === 'iam service-accounts' ? `${names[0]}@${domainOf(project)}.iam.gserviceaccount.com` : undefined;
    const given = Object.entries({ ...fields, email, ...sent }).filter(([, value]) => value !== undefined);
    for (const name of names.length > 0 ? names : [flags['database']?.[0] ?? displayName ?? '']) {
      const key = `${kind}/${name}`;
      const thing = this.things.get(key);
      if (verb === 'create' && thing) return EXISTS;
      if (verb !== 'create' && !thing) return missing(key, flags);
      if (verb === 'create' || verb === 'update')
        this.things.set(key, { ...thing, ...Object.fromEntries(given), name: name.replace('gs://', '') });
      if (verb === 'delete') this.#forget(key);
      if (verb === 'describe') return OK(thing);
    }
    return OK();
  }

  #forget(key: string): void {
    this.things.delete(key);
    this.bindings.delete(key);
  }

  #listed(kind: string, flags: Flags): readonly Thing[] | string {
    const [filter = ''] = flags['filter'] ?? [];
    const wanted = /displayName="(.*)"/.exec(filter)?.[1];
    const [, label = '', value] = /labels\.(.*)=(.*)/.exec(filter) ?? [];
    const found = [...this.things]
      .filter(([key]) => key.startsWith(`${kind}/`))
      .filter(([, { displayName }]) => wanted === undefined || displayName === wanted)
      .filter(([, { labels }]) => value === undefined || (labels as Flat | undefined)?.[label] === value)
      .map(([, thing]) => thing);
    return flags['format']?.[0] === 'json' ? found : found.map(({ name }) => String(name)).join('\n');
  }

  #access(kind: string, verb: string, name: string, flags: Flags): Answer {
    const key = `${kind}/${name}`;
    if (kind !== 'projects' && !this.things.has(key)) return missing(key, flags);
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

  /** Commands on Cloud Run services. */
  #run(verb: string, name: string, flags: Flags): Answer {
    const service = this.services.get(name);
    if (verb === 'deploy') return this.#deploy(service, name, flags);
    if (service === undefined) return missing(`run services/${name}`, flags);
    try {
      if (verb === 'describe') return this.#describe(service, flags);
      if (verb === 'update-traffic') moveTraffic(service, flags);
      if (verb === 'update') service.isPublic ||= 'no-invoker-iam-check' in flags;
      if (verb === 'delete') {
        this.services.delete(name);
        this.#forget(`run services/${name}`);
      }
      return OK();
    } catch (error) {
      return { exitCode: 1, output: error instanceof Error ? error.message : '' };
    }
  }

  #deploy(before: CloudService | undefined, name: string, flags: Flags): Answer {
    try {
      if ('source' in flags) {
        this.builds += 1;
        this.things.set(
          `archives/gs://run-sources-${flags['project']?.[0]}-${flags['region']?.[0]}/services/${name}`,
          {},
        );
      }
      const digest = String(this.builds).padStart(64, '0');
      const service = deployService(before, name, flags, digest, this);
      this.services.set(name, service);
      this.things.set(`run services/${name}`, {});
      if (service.revisions.at(-1)?.isReady) return OK();
      return {
        exitCode: 1,
        output: `ERROR: (gcloud.run.deploy) Revision '${service.revisions.at(-1)?.name}' is not ready.`,
      };
    } catch (error) {
      return { exitCode: 1, output: error instanceof Error ? error.message : '' };
    }
  }

  #describe(service: CloudService, flags: Flags): Answer {
    const shown = describeService(service, this);
    if (flags['format']?.[0] === 'json') return OK(shown);
    return OK(
      (shown as { spec: { template: { spec: { containers: [{ image: string }] } } } }).spec.template.spec.containers[0]
        .image,
    );
  }

  #ifThere(key: string, flags: Flags, answer: (thing: Thing) => Answer): Answer {
    const thing = this.things.get(key);
    return thing === undefined ? missing(key, flags) : answer(thing);
  }
}

/** gcloud's message about a missing resource of each kind. */
function missing(
  key: string,
  { project: [project = ''] = [], region: [region = ''] = [], database = [] }: Flags,
): Answer {
  const [, kind = '', name = ''] = /^([^/]*)\/(.*)$/.exec(key) ?? [];
  const said: Readonly<Record<string, string>> = {
    'firestore databases': `NOT_FOUND: Project '${project}' or database '${database[0]}' does not exist.`,
    'artifacts repositories': `NOT_FOUND: Requested entity was not found.`,
    'run services': `NOT_FOUND: Resource '${name}' of kind 'SERVICE' in region '${region}' in project '${project}' does not exist.`,
    'storage buckets': `${name} not found: 404.`,
    'iam service-accounts': 'NOT_FOUND: Unknown service account.',
    'logging metrics': `NOT_FOUND: Metric ${name} does not exist.`,
    'scheduler jobs': 'NOT_FOUND: Job not found.',
    secrets: `NOT_FOUND: Secret [projects/123456789012/secrets/${name}] not found.`,
  };
  const [text = `NOT_FOUND: Resource not found (resource=${name}).`] = [said[kind]];
  return { exitCode: 1, output: `ERROR: (gcloud.${kind.replaceAll(' ', '.')}) ${text}` };
}

function domainOf(project: string): string {
  return project.split(':').toReversed().join('.');
}

function secretOf(name: string | undefined, { project = [] }: Flags): string {
  return `projects/${project[0]}/secrets/${name}`;
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
  return given === undefined ? undefined : pairsOf(given);
}
