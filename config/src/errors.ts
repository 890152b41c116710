/**
 * A configuration that can't be used. The message is one line: where (file and key, flag or variable), what was found,
 * what is allowed. It holds no secret.
 */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}
