import { readFileSync } from 'node:fs';

/** Everything that is wrong with the environment, in one message. It never holds a value: that could be a secret. */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID';

  constructor(problems: readonly string[]) {
    super(
      `The environment is not complete, or holds values that cannot be used:\n${problems.map((problem) => `- ${problem}`).join('\n')}`,
    );
    this.name = 'ConfigError';
  }
}

/** A list of secrets and the file that it is read from again, if there is one. */
export interface SecretSource {
  /** Those of the variable itself, which stay as they are. */
  readonly fixed: readonly string[];
  readonly file?: { readonly path: string; readonly first: readonly string[] };
  readonly isValid: (secret: string) => boolean;
}

/** What a text must be, in words that follow "must be", with an example of it. */
interface Expectation {
  readonly expected: string;
  readonly example: string;
}

interface SecretFormat extends Expectation {
  readonly isValid: (secret: string) => boolean;
}

/** Reads settings out of an environment, once, and collects what is wrong with them. An empty variable counts as absent. */
export class Environment {
  readonly #variables: NodeJS.ProcessEnv;
  readonly #problems: string[] = [];

  constructor(variables: NodeJS.ProcessEnv) {
    this.#variables = variables;
  }

  optional(name: string): string | undefined {
    return this.#variables[name] || undefined;
  }

  text(name: string, fallback: string, pattern: RegExp, { expected, example }: Expectation): string {
    const text = this.optional(name) ?? fallback;
    if (!pattern.test(text)) this.reject(name, `must be ${expected}`, example);
    return text;
  }

  integer(name: string, fallback: number, { min, max, unit }: { min: number; max: number; unit: string }): number {
    const text = this.optional(name) ?? String(fallback);
    const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (!(number >= min && number <= max)) {
      this.reject(name, `must be a whole number of ${unit} from ${min} to ${max}`, String(fallback));
    }
    return number;
  }

  /** An address that keys are taken from: nobody on the way may change what it answers. */
  httpsUrl(name: string, fallback: string): URL {
    const url = URL.parse(this.optional(name) ?? fallback);
    const isLoopback = url !== null && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
    if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback)) return url;
    this.reject(name, 'must be an https URL (http on loopback only)', fallback);
    return new URL(fallback);
  }

  /** A list separated by white space or commas, from `name` and from the file that `name_FILE` names. */
  secrets(name: string, format: SecretFormat): SecretSource {
    const { isValid } = format;
    const fixed = this.#secretsIn(name, this.optional(name), 'be', format);
    const fileName = `${name}_FILE`;
    const path = this.optional(fileName);
    if (path === undefined) return { fixed, isValid };
    const inFile = { ...format, example: `/secrets/${name.toLowerCase()}/current` };
    const first = this.#secretsIn(fileName, this.#contentOf(fileName, path, inFile), 'name a file that holds', inFile);
    return { fixed, file: { path, first }, isValid };
  }

  reject(name: string, problem: string, example: string): void {
    this.#problems.push(`${name} ${problem}; for example ${name}=${example}`);
  }

  /** What was rejected until now. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /** @throws {ConfigError} with everything that was rejected. */
  requireValid(): void {
    if (this.#problems.length > 0) throw new ConfigError(this.#problems);
  }

  #secretsIn(name: string, text: string | undefined, must: string, format: SecretFormat): readonly string[] {
    if (text === undefined) return [];
    const secrets = splitSecrets(text);
    if (secrets.length > 0 && secrets.every(format.isValid)) return secrets;
    this.reject(name, `must ${must} ${format.expected}`, format.example);
    return [];
  }

  #contentOf(name: string, path: string, { example }: Expectation): string | undefined {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
      this.reject(name, `names a file that cannot be read (${code})`, example);
      return undefined;
    }
  }
}

export function splitSecrets(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((secret) => secret !== '');
}
