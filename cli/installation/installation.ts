import type { FunctionName } from '../../functions/config/functionNames.ts';
import { defaultProject, requireCredentials } from '../google/credentials.ts';
import { noProject } from '../google/credentialsError.ts';
import { type DeployedService, readService } from './cloudRun.ts';
import { readLocal } from './local.ts';
import { Once } from './once.ts';
import { placeIn, type Place, type PlaceFlags, placeOf } from './place.ts';
import { readSecret } from './secret.ts';
import { functionOf, isSecret, type InstallationVariable } from './variableGroups.ts';

/** A variable's value and its source. */
interface FoundVariable {
  readonly name: InstallationVariable;
  /** The value, or for a secret that was not read `undefined`. */
  readonly value: string | undefined;
  readonly origin: string;
}

const EMULATORS = ['FIRESTORE_EMULATOR_HOST', 'PUBSUB_EMULATOR_HOST'] as const;

/** Variables that identify the installation: `--local` wins over the shell's. */
const IDENTITY: ReadonlySet<string> = new Set(['GOOGLE_CLOUD_PROJECT', ...EMULATORS]);

/**
 * Finds the settings of an installation: variables of the shell first, then those of `npm start` or of the deployment.
 *
 * Cloud Run and Secret Manager are read only where a command needs them, and once.
 */
export class Installation {
  readonly #flags: PlaceFlags;
  readonly #folder: string;
  readonly #variables: NodeJS.ProcessEnv;
  readonly #local: ReturnType<typeof readLocal> | undefined;
  readonly #services = new Once<FunctionName, DeployedService>();
  readonly #secrets = new Once<string, string>();
  readonly #defaultProject = new Once<'', string | undefined>();

  /** @throws {CliError} `NOT_RUNNING` with `--local`, `INSTALLATION_UNREADABLE` */
  constructor(flags: PlaceFlags, variables: NodeJS.ProcessEnv, folder = process.cwd()) {
    this.#flags = flags;
    this.#folder = folder;
    this.#variables = variables;
    this.#local = flags.local ? readLocal(folder) : undefined;
    // Otherwise the client libraries search for Google Cloud's metadata server, and warn.
    if (flags.local) process.env['METADATA_SERVER_DETECTION'] ??= 'none';
  }

  /** The deployed installation, where one is named. */
  get place(): Place | undefined {
    return this.#local ? undefined : placeOf(this.#flags, this.#variables, this.#folder);
  }

  /**
   * The shell's variables, completed by those of the installation that a command names.
   *
   * @throws {CliError} where credentials or a project are missing, or where Cloud Run or Secret Manager are needed and
   * do not answer.
   */
  async variables(...names: readonly InstallationVariable[]): Promise<NodeJS.ProcessEnv> {
    if (EMULATORS.some((name) => names.includes(name) && !this.#valueHere(name))) await requireCredentials();
    const found = await Promise.all(names.map(async (name) => [name, (await this.find(name))?.value] as const));
    const values = { ...this.#variables, ...Object.fromEntries(found.filter(([, value]) => value !== undefined)) };
    const usesEmulators = EMULATORS.some((name) => values[name]);
    if (names.includes('GOOGLE_CLOUD_PROJECT') && !values['GOOGLE_CLOUD_PROJECT'] && !usesEmulators) throw noProject();
    return values;
  }

  /** @param options `reveal`: false leaves a deployed secret unread, and returns its place alone. */
  async find(
    name: InstallationVariable,
    { reveal = true }: { reveal?: boolean } = {},
  ): Promise<FoundVariable | undefined> {
    const local = this.#local?.variables[name];
    if (local !== undefined && IDENTITY.has(name)) return { name, value: local, origin: this.#local?.path ?? '' };
    if (name === 'GOOGLE_CLOUD_PROJECT') return await this.#project();
    const set = this.#inShell(name);
    if (set !== undefined) return { name, value: this.#variables[name] || undefined, origin: set };
    if (local !== undefined) return { name, value: local, origin: this.#local?.path ?? '' };
    return name.endsWith('_EMULATOR_HOST') ? undefined : await this.#deployed(name, reveal);
  }

  async #project(): Promise<FoundVariable | undefined> {
    const place = this.place ?? (await this.#defaultPlace());
    return place && { name: 'GOOGLE_CLOUD_PROJECT', value: place.project, origin: place.origins.project };
  }

  /** The project of the credentials or of gcloud, where nothing names one; emulators have none. */
  async #defaultPlace(): Promise<Place | undefined> {
    if (EMULATORS.some((name) => this.#valueHere(name))) return undefined;
    const project = await this.#defaultProject.get('', defaultProject);
    return project === undefined ? undefined : placeIn(project, 'gcloud or the credentials', this.#flags);
  }

  #valueHere(name: InstallationVariable): string | undefined {
    return this.#local?.variables[name] ?? (this.#variables[name] || undefined);
  }

  /** The name of the shell's variable that sets this one. */
  #inShell(name: InstallationVariable): string | undefined {
    const names = [name, ...(isSecret(name) ? [`${name}_FILE`] : [])];
    if (name === 'GEMINI_API_KEY') names.push('GOOGLE_API_KEY');
    return names.find((one) => this.#variables[one]);
  }

  async #deployed(name: InstallationVariable, reveal: boolean): Promise<FoundVariable | undefined> {
    const place = this.place ?? (this.#flags.region === undefined ? undefined : await this.#defaultPlace());
    if (this.#flags.region !== undefined && place === undefined) throw noProject();
    if (place?.region === undefined) return undefined;
    const service = await this.#service(place, functionOf(name));
    const origin = `Cloud Run service ${service.name}`;
    if (name === 'CALLBACK_URL') return { name, ...(await this.#callbackUrl(place, service)) };
    const setting = service.setting(name);
    if (setting === undefined) return undefined;
    if ('value' in setting) return { name, value: setting.value, origin };
    const at = `secret ${setting.secret}, version ${setting.version}`;
    return { name, value: reveal ? await this.#secret(setting) : undefined, origin: at };
  }

  /** The URL that submitJob names to Gemini, or the one at which Cloud Run serves geminiCallback. */
  async #callbackUrl(place: Place, callback: DeployedService): Promise<Omit<FoundVariable, 'name'>> {
    const submit = await this.#service(place, 'submitJob').catch(() => undefined);
    const setting = submit?.setting('CALLBACK_URL');
    if (submit && setting && 'value' in setting)
      return { value: setting.value, origin: `Cloud Run service ${submit.name}` };
    return { value: callback.url, origin: `Cloud Run service ${callback.name}` };
  }

  async #service(place: Place, name: FunctionName): Promise<DeployedService> {
    return await this.#services.get(name, async () => await readService(place, name, this.#variables));
  }

  async #secret(setting: Parameters<typeof readSecret>[0]): Promise<string> {
    const key = `${setting.project}/${setting.secret}/${setting.version}`;
    return await this.#secrets.get(key, async () => await readSecret(setting, this.#variables));
  }
}
