import type { GcloudCommand } from '../../support/gcloud.ts';
import { type CloudService, deployService, describeService, moveTraffic } from './cloudRun.ts';
import { type Call, fieldsOf, isChanging, missing, pairsOf, parseCall } from './gcloudCall.ts';
import { saveMaps } from './saveMaps.ts';
import { type Answer, serveGcloud } from './gcloudInBash.ts';

type Thing = Record<string, unknown>;

interface Binding {
  readonly role: string;
  readonly member: string;
  readonly condition?: string;
}

/** Makes commands fail with a message, a number of times or always. */
interface Failure {
  readonly pattern: RegExp;
  readonly output: string;
  times?: number;
}

/** The part of a project that tests set. */
const SETTINGS = {
  version: '528.0.0',
  account: 'owner@example.test',
  billing: 'True',
  failures: [] as readonly Failure[],
  /** Returns true where a new revision of a service starts. */
  starts: (_service: string): boolean => true,
};

/**
 * A Google Cloud project as `gcloud` shows it. It keeps what is created, reports what is missing in gcloud's own words,
 * and records every command. It checks no flags: the real gcloud does, with the recorded commands.
 */
export class Cloud {
  readonly commands: GcloudCommand[] = [];
  readonly things = new Map<string, Thing>();
  readonly bindings = new Map<string, Binding[]>();
  readonly services = new Map<string, CloudService>();
  /** The versions of each secret by its full name, which the stand-in of Secret Manager shows as well. */
  readonly secrets: Map<string, string[]>;
  readonly settings = { ...SETTINGS };
  /** URL of a revision's tag. */
  tagUrl = (service: string, tag: string) => `https://${tag}---${service}-hash.a.run.app`;
  /** Number of images built so far. */
  builds = 0;
  #gcloud: Awaited<ReturnType<typeof serveGcloud>> | undefined;

  private constructor(secrets: Map<string, string[]>) {
    this.secrets = secrets;
  }

  static async open(secrets = new Map<string, string[]>()): Promise<Cloud> {
    const cloud = new Cloud(secrets);
    cloud.#gcloud = await serveGcloud((command) => cloud.#answer(command));
    return cloud;
  }

  /** The variables that define this `gcloud` in bash. */
  get env(): NodeJS.ProcessEnv {
    return this.#gcloud?.env ?? {};
  }

  /** Commands since the last call that change something. */
  changes(): readonly string[] {
    return this.commands
      .splice(0)
      .filter(isChanging)
      .map(({ args }) => args.join(' '));
  }

  /** Returns a function that restores the present state, with the default settings. */
  save(): () => void {
    const { builds } = this;
    const restore = saveMaps(this.things, this.bindings, this.services, this.secrets);
    return () => {
      restore();
      this.builds = builds;
      this.commands.length = 0;
      Object.assign(this.settings, SETTINGS);
    };
  }

  close(): void {
    this.#gcloud?.close();
  }

  #answer(command: GcloudCommand): Answer {
    this.commands.push(command);
    try {
      this.#fail(command.args.join(' '));
      const output = this.#run(parseCall(command)) ?? '';
      return { exitCode: 0, output: typeof output === 'string' ? output : JSON.stringify(output) };
    } catch (error) {
      return { exitCode: 1, output: error instanceof Error ? error.message : String(error) };
    }
  }

  #fail(words: string): void {
    const failure = this.settings.failures.find(({ pattern, times = 1 }) => times > 0 && pattern.test(words));
    if (failure === undefined) return;
    if (failure.times !== undefined) failure.times -= 1;
    throw new Error(failure.output);
  }

  /** @throws {Error} with gcloud's message. */
  #run(call: Call): unknown {
    const { kind, verb, names, flag } = call;
    const [name = ''] = names;
    const { version, account, billing } = this.settings;
    if (/iam-policy/.test(verb)) return this.#access(call);
    if (kind.startsWith('run')) return this.#runService(call, name);
    switch (`${kind} ${verb}`) {
      case ' version':
        return { 'Google Cloud SDK': version };
      case 'auth list':
        return account;
      case 'auth print-access-token':
        if (account === '') throw new Error('ERROR: no active account');
        return 'token';
      case 'auth application-default print-access-token':
        return 'token';
      case 'billing projects describe':
        return billing;
      case 'projects describe':
        return '123456789012';
      case 'meta list-files-for-upload':
        return 'package.json\nfunctions/index.ts';
      case 'beta services identity create':
        return 'Service identity created';
      case 'services enable':
        for (const each of names) this.things.set(`services/${each}`, { config: { name: each } });
        return undefined;
      case 'artifacts repositories set-cleanup-policies':
        this.#found(kind, name, call)['cleanupPolicies'] = { 'delete-old': {}, 'keep-last-ten': {} };
        return undefined;
      case 'scheduler jobs resume':
        this.#found(kind, name, call)['state'] = 'ENABLED';
        return undefined;
      case 'secrets versions add':
        this.#found('secrets', name, call);
        this.secrets.set(secretOf(name, call), [...this.#versions(name, call), call.stdin]);
        return undefined;
      case 'secrets versions list':
        this.#found('secrets', name, call);
        return this.#versions(name, call);
      case 'secrets versions access':
        this.#found('secrets', flag('secret') ?? '', call);
        return this.#versions(flag('secret') ?? '', call).at(-1);
      case 'secrets delete':
        this.secrets.delete(secretOf(name, call));
        return this.#resource(call);
      case 'firestore indexes composite create':
        return this.#addIndex(call);
      case 'firestore indexes fields update':
        return this.#changeField(call, { indexConfig: { indexes: call.flags['index'] ?? [] } });
      case 'firestore fields ttls update':
        return this.#changeField(call, { ttlConfig: { state: 'CREATING' } });
      case 'storage rm':
        for (const each of ['storage buckets', 'archives']) this.#forget(`${each}/${name}`);
        return undefined;
      case 'storage objects list':
        return this.things.has(`archives/${name.replace('/**', '')}`) ? [{ name: 'archive.zip' }] : [];
      default:
        return this.#resource(call);
    }
  }

  /** Creates, describes, updates, lists and deletes resources of any kind. */
  #resource(call: Call): unknown {
    const { kind, verb, names, flag } = call;
    if (verb === 'list') return this.#listed(call);
    const fields = fieldsOf(call);
    for (const name of names.length > 0 ? names : [flag('database') ?? fields.displayName ?? '']) {
      const key = `${kind}/${name}`;
      if (verb === 'create' && this.things.has(key))
        throw new Error('ERROR: (gcloud) ALREADY_EXISTS: Resource already exists.');
      const thing = verb === 'create' ? {} : this.#found(kind, name, call);
      if (verb === 'describe') return thing;
      if (verb === 'delete') this.#forget(key);
      else this.things.set(key, { ...thing, ...fields, name: name.replace('gs://', '') });
    }
    return undefined;
  }

  #listed({ kind, flag }: Call): readonly Thing[] | string {
    const filter = flag('filter') ?? '';
    const wanted = /displayName="(.*)"/.exec(filter)?.[1];
    const [, label = '', value] = /labels\.(.*)=(.*)/.exec(filter) ?? [];
    const found = [...this.things]
      .filter(([key]) => key.startsWith(`${kind}/`))
      .map(([, thing]) => thing)
      .filter(({ displayName }) => wanted === undefined || displayName === wanted)
      .filter(({ labels }) => value === undefined || (labels as Thing | undefined)?.[label] === value);
    return flag('format') === 'json' ? found : found.map(({ name }) => String(name)).join('\n');
  }

  #access(call: Call): object {
    const { kind, verb, names, flag } = call;
    const [name = ''] = names;
    if (kind !== 'projects') this.#found(kind, name, call);
    const [role = '', member = ''] = [flag('role'), flag('member')];
    const condition = /^expression=(.*),title=/.exec(flag('condition') ?? '')?.[1];
    let bindings = this.bindings.get(`${kind}/${name}`) ?? [];
    if (verb === 'add-iam-policy-binding') bindings.push({ role, member, ...(condition ? { condition } : {}) });
    if (verb === 'remove-iam-policy-binding')
      bindings = bindings.filter((each) => each.role !== role || each.member !== member);
    this.bindings.set(`${kind}/${name}`, bindings);
    const shown = bindings.map((each) => ({
      role: each.role,
      members: [each.member],
      condition: each.condition && { expression: each.condition },
    }));
    return { etag: 'ACAB', bindings: shown };
  }

  #addIndex({ flag, flags }: Call): void {
    const fields = (flags['field-config'] ?? []).map((config) => {
      const { 'field-path': fieldPath, order } = pairsOf(config);
      return { fieldPath, order: order?.toUpperCase() };
    });
    const name = `projects/p/databases/d/collectionGroups/${flag('collection-group')}/indexes/${this.things.size}`;
    const all = [...fields, { fieldPath: '__name__', order: 'ASCENDING' }];
    this.things.set(`firestore indexes composite/${name}`, { name, fields: all });
  }

  #changeField({ names, flag }: Call, change: Thing): void {
    const name = `projects/p/databases/d/collectionGroups/${flag('collection-group')}/fields/${names[0]}`;
    const key = `firestore indexes fields/${name}`;
    this.things.set(key, { ...this.things.get(key), name, ...change });
  }

  #runService(call: Call, name: string): unknown {
    const { verb, flag, flags } = call;
    const service = this.services.get(name);
    if (verb === 'deploy') return this.#deploy(service, name, call);
    if (service === undefined) throw new Error(missing('run services', name, call));
    switch (verb) {
      case 'describe': {
        const shown = describeService(service, this.tagUrl);
        return flag('format') === 'json' ? shown : shown.spec.template?.spec.containers[0]?.image;
      }
      case 'update':
        service.isPublic ||= 'no-invoker-iam-check' in flags;
        return undefined;
      case 'update-traffic':
        return moveTraffic(service, call);
      default:
        this.services.delete(name);
        return this.#forget(`run services/${name}`);
    }
  }

  #deploy(before: CloudService | undefined, name: string, call: Call): void {
    if ('source' in call.flags) {
      this.builds += 1;
      const bucket = `run-sources-${call.flag('project')}-${call.flag('region')}`;
      this.things.set(`archives/gs://${bucket}/services/${name}`, {});
    }
    const service = deployService(before, name, call, {
      digest: String(this.builds).padStart(64, '0'),
      isReady: this.settings.starts(name),
    });
    this.services.set(name, service);
    this.things.set(`run services/${name}`, {});
    const latest = service.revisions.at(-1);
    if (!latest?.isReady) throw new Error(`ERROR: (gcloud.run.deploy) Revision '${latest?.name}' is not ready.`);
  }

  #forget(key: string): void {
    this.things.delete(key);
    this.bindings.delete(key);
  }

  #versions(name: string, call: Call): readonly string[] {
    return this.secrets.get(secretOf(name, call)) ?? [];
  }

  #found(kind: string, name: string, call: Call): Thing {
    const thing = this.things.get(`${kind}/${name}`);
    if (thing === undefined) throw new Error(missing(kind, name, call));
    return thing;
  }
}

function secretOf(name: string, { flag }: Call): string {
  return `projects/${flag('project')}/secrets/${name}`;
}
