/**
 * An invalid configuration. The message is one line: where (file and key, flag or variable), what is allowed, what was
 * found. It contains no secrets.
 */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}
