/** A shorter secret may occur as a word in other texts, so it is redacted only where it is a value by itself. */
const MIN_ANYWHERE = 8;

/** The secrets of one source. */
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
  readonly #short = new Set<string>();
  #written: readonly string[] = [];
  #shortWords: RegExp | undefined;

  constructor(...sources: readonly Secrets[]) {
    for (const source of sources) this.add(source);
  }

  add({ secrets, secretEnv = [] }: Secrets): void {
    for (const secret of secrets) {
      (secret.length >= MIN_ANYWHERE ? this.#values : this.#short).add(secret);
    }
    for (const name of secretEnv) this.#names.add(name);
    this.#written = inJson(this.#values);
    this.#shortWords = wordsIn(inJson(this.#short));
  }

  /** The secrets that are too long to be ordinary words. */
  get values(): readonly string[] {
    return [...this.#values];
  }

  /** Those that are as short as a word. */
  get short(): ReadonlySet<string> {
    return this.#short;
  }

  /** Of variables that hold one. */
  get names(): ReadonlySet<string> {
    return this.#names;
  }

  /** Removes the secrets from JSON text. */
  readonly redact = (json: string): string => {
    const clean = this.#written.reduce((text, secret) => text.replaceAll(secret, "[secret]"), json);
    return this.#shortWords === undefined ? clean : clean.replace(this.#shortWords, "[secret]");
  };
}

/** Secrets as JSON text writes them; one that begins with another one must not be left half. */
function inJson(secrets: ReadonlySet<string>): string[] {
  return [...secrets]
    .map((secret) => JSON.stringify(secret).slice(1, -1))
    .sort((one, other) => other.length - one.length);
}

/** Matches secrets as whole values: not in a longer word, as the name of a field, as a number or as `true`. */
function wordsIn(secrets: readonly string[]): RegExp | undefined {
  if (secrets.length === 0) return undefined;
  const any = secrets.map((secret) => secret.replace(/[^A-Za-z0-9]/g, "\\$&")).join("|");
  return new RegExp(`(?<![A-Za-z0-9_]|":)(?:${any})(?![A-Za-z0-9_]|":)`, "g");
}
