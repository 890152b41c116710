/** A shorter secret may occur as a word in other texts, so it is redacted only as a whole value. */
const MIN_ANYWHERE = 8;

/** The secrets of one source. */
export interface Secrets {
  /** The secrets themselves. */
  readonly secrets: readonly string[];
  /** Names of variables with secrets, which child processes do not get. */
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
  #known = 0;

  constructor(...sources: readonly Secrets[]) {
    for (const source of sources) this.add(source);
  }

  /** Grows whenever another secret, or another name of a variable, becomes known. */
  get known(): number {
    return this.#known;
  }

  add({ secrets, secretEnv = [] }: Secrets): void {
    this.#known++;
    for (const secret of secrets) {
      (secret.length >= MIN_ANYWHERE ? this.#values : this.#short).add(secret);
    }
    for (const name of secretEnv) this.#names.add(name);
    this.#written = inJson(this.#values);
    this.#shortWords = wordsIn(inJson(this.#short));
  }

  /** The secrets that are longer than ordinary words. */
  get values(): readonly string[] {
    return [...this.#values];
  }

  /** The secrets that are as short as a word. */
  get short(): ReadonlySet<string> {
    return this.#short;
  }

  /** The names of variables with secrets. */
  get names(): ReadonlySet<string> {
    return this.#names;
  }

  /** Removes the secrets from JSON text. */
  readonly redact = (json: string): string => {
    const clean = this.#written.reduce((text, secret) => text.replaceAll(secret, "[secret]"), json);
    return this.#shortWords === undefined ? clean : clean.replace(this.#shortWords, "[secret]");
  };
}

/** Secrets in JSON encoding, longest first, so that a secret with another one as prefix is removed completely. */
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
