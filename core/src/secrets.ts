/** Taking anything shorter out of every line would take out words, too. */
const MIN_SECRET = 8;

/** What a source of secrets tells. */
export interface Secrets {
  /** The secrets themselves. */
  readonly secrets: readonly string[];
  /** Names of variables that hold one; no child process gets them. */
  readonly secretEnv?: readonly string[];
}

/**
 * The secrets that the gateway knows of. There are more with time: plugins' schemas say which of their settings are
 * secret, and a configuration that is read again may hold others. None is forgotten: an old one may still be good.
 */
export class KnownSecrets {
  readonly #values = new Set<string>();
  readonly #names = new Set<string>();
  #written: readonly string[] = [];

  constructor(...sources: readonly Secrets[]) {
    for (const source of sources) this.add(source);
  }

  add({ secrets, secretEnv = [] }: Secrets): void {
    for (const secret of secrets) if (secret.length >= MIN_SECRET) this.#values.add(secret);
    for (const name of secretEnv) this.#names.add(name);
    this.#written = [...this.#values]
      .map((secret) => JSON.stringify(secret).slice(1, -1))
      // One that begins with another one must not be left half.
      .sort((one, other) => other.length - one.length);
  }

  /** All that are long enough to be told from words. */
  get values(): readonly string[] {
    return [...this.#values];
  }

  /** Of variables that hold one. */
  get names(): ReadonlySet<string> {
    return this.#names;
  }

  /** Takes them out of JSON text. */
  readonly redact = (json: string): string =>
    this.#written.reduce((clean, secret) => clean.replaceAll(secret, "[secret]"), json);
}
