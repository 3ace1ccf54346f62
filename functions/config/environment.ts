import { readFileSync } from 'node:fs';
import { ConfigError } from './configError.ts';
import { VARIABLES, type Variable, type VariableName } from './variables.ts';

/** A list of secrets, and the file that is read again when they are rotated. */
export interface SecretSource {
  /** The secrets in the variable. */
  readonly fixed: readonly string[];
  readonly file?: { readonly path: string; readonly first: readonly string[] };
  readonly isValid: (secret: string) => boolean;
}

/** The form of a text, in words that follow "must be", with an example. */
interface Expectation {
  readonly expected: string;
  readonly example: string;
}

interface SecretFormat extends Expectation {
  readonly isValid: (secret: string) => boolean;
}

/** The value of a variable, by its kind and by whether it has a default. */
type ValueOf<V extends Variable> = V extends { readonly kind: 'integer' }
  ? number
  : V extends { readonly kind: 'secrets' }
    ? SecretSource
    : V extends { readonly kind: 'url' }
      ? URL | (V extends { readonly fallback: string } ? never : undefined)
      : string | (V extends { readonly fallback: string } ? never : undefined);

/** Reads settings from an environment, and collects the problems. An empty variable counts as missing. */
export class Environment {
  readonly #variables: NodeJS.ProcessEnv;
  readonly #problems: string[] = [];

  constructor(variables: NodeJS.ProcessEnv) {
    this.#variables = variables;
  }

  /** Reads a variable of the table, with its default; a problem is collected. */
  read<Name extends VariableName>(name: Name): ValueOf<(typeof VARIABLES)[Name]> {
    return this.#read(name, VARIABLES[name]) as ValueOf<(typeof VARIABLES)[Name]>;
  }

  #read(name: string, variable: Variable): unknown {
    if (variable.kind === 'integer') return this.integer(name, variable.fallback, variable);
    if (variable.kind === 'secrets') return this.secrets(name, variable);
    const { kind, fallback, example } = variable;
    if (fallback === undefined && this.optional(name) === undefined) return undefined;
    if (kind === 'url') return this.httpsUrl(name, fallback ?? example);
    return this.text(name, fallback ?? '', variable.pattern, variable);
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

  /** Requires https outside the machine, because keys and secrets are exchanged with this URL. */
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

  /** The problems so far. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /** @throws {ConfigError} with all problems, where there are any. */
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

/**
 * Reads settings and reports all problems at once.
 *
 * @throws {ConfigError} naming every bad variable.
 */
export function readSettings<T>(variables: NodeJS.ProcessEnv, read: (environment: Environment) => T): T {
  const environment = new Environment(variables);
  const settings = read(environment);
  environment.requireValid();
  return settings;
}

export function splitSecrets(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((secret) => secret !== '');
}
