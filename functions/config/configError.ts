/** All problems of an environment in one message. It never holds a value, which could be a secret. */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID';

  constructor(problems: readonly string[]) {
    super(`Environment variables are missing or not valid:\n${problems.map((problem) => `- ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}
