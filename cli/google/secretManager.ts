import { isJsonObject, type JsonObject, stringAt } from '../../functions/model/json.ts';
import { callGoogle, type GoogleApi } from './rest.ts';

/** The secrets of one project in Secret Manager. */
export class SecretManager {
  readonly #project: string;
  readonly #api: GoogleApi;

  /** @param variables of the command. Google has no emulator of Secret Manager; a stand-in's `host:port` may be given. */
  constructor(project: string, variables: NodeJS.ProcessEnv, role: string) {
    this.#project = project;
    const emulator = variables['SECRET_MANAGER_EMULATOR_HOST'] || undefined;
    this.#api = { name: 'Secret Manager', host: 'secretmanager.googleapis.com', emulator, role };
  }

  /** @returns the content of a version, or `undefined` where the secret or the version is missing. */
  async read(secret: string, version = 'latest'): Promise<string | undefined> {
    const payload = (await this.#call(`/${secret}/versions/${version}:access`))?.['payload'];
    const data = isJsonObject(payload) ? stringAt(payload, 'data') : undefined;
    return data === undefined ? undefined : Buffer.from(data, 'base64').toString('utf8');
  }

  async createIfMissing(secret: string): Promise<void> {
    const body = { replication: { automatic: {} } };
    await this.#call(`?secretId=${secret}`, { method: 'POST', body, mayExist: true });
  }

  async addVersion(secret: string, content: string): Promise<void> {
    const body = { payload: { data: Buffer.from(content, 'utf8').toString('base64') } };
    const added = await this.#call(`/${secret}:addVersion`, { method: 'POST', body });
    if (added === undefined) throw new Error(`the secret ${secret} does not exist`);
  }

  async #call(path: string, change?: Parameters<typeof callGoogle>[3]): Promise<JsonObject | undefined> {
    return await callGoogle(this.#api, this.#project, `v1/projects/${this.#project}/secrets${path}`, change);
  }
}
