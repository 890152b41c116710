import { isAbsolute, join } from "node:path";
import type { Config } from "@claudeway/schemas";
import { ConfigError } from "./errors.js";
import type { KeyLimits } from "./keys.js";

/** Variables that decide whose account the CLI uses, and how. */
const ACCOUNT = [
  "ANTHROPIC_API_KEY",
  "ANTHROPIC_AUTH_TOKEN",
  "CLAUDE_CODE_OAUTH_TOKEN",
  "CLAUDE_CODE_USE_BEDROCK",
  "CLAUDE_CODE_USE_VERTEX",
  "CLAUDE_CODE_USE_FOUNDRY",
];
const CONFIG_DIR = "CLAUDE_CONFIG_DIR";
/** Environments are remembered for this many keys: plugins can admit any number. */
const MAX_KEYS = 1000;

type Env = Readonly<Record<string, string>>;

/** The environment of the CLI for each key: that of the gateway, with the key's own account and configuration folder. */
export class KeyEnvironments {
  #base: Env | undefined;
  readonly #made = new Map<string, Env>();

  constructor(
    private readonly loaded: {
      readonly config: Pick<Config, "data_dir"> & { readonly engine: Pick<Config["engine"], "config_dirs"> };
      readonly keyLimits: KeyLimits;
    },
  ) {}

  /**
   * The environment for a key. The same object as long as `base` is the same one.
   *
   * @param base the gateway's environment without its secrets
   * @param keyId undefined where the CLI runs for no key
   */
  of(base: Env, keyId: string | undefined): Env {
    if (keyId === undefined) return base;
    if (this.#base !== base || this.#made.size >= MAX_KEYS) this.#made.clear();
    this.#base = base;
    const made = this.#made.get(keyId) ?? this.#make(base, keyId);
    this.#made.set(keyId, made);
    return made;
  }

  #make(base: Env, keyId: string): Env {
    const { config, keyLimits } = this.loaded;
    const own = Object.hasOwn(keyLimits, keyId) ? keyLimits[keyId]?.env : undefined;
    const perKey = config.engine.config_dirs === "per_key";
    if (own === undefined && !perKey) return base;
    const folder = perKey ? { [CONFIG_DIR]: join(config.data_dir, "claude", keyId) } : {};
    const hasAccount = ACCOUNT.some((name) => own?.[name] !== undefined);
    const inherited = Object.entries(base).filter(([name]) => !hasAccount || !ACCOUNT.includes(name));
    const all = { ...Object.fromEntries(inherited), ...folder, ...own };
    return Object.freeze(Object.fromEntries(Object.entries(all).filter(([, value]) => value !== "")));
  }
}

/** The configuration folders that keys have in their `env`. */
export function configFoldersOfKeys(limits: KeyLimits): { readonly keyId: string; readonly path: string }[] {
  return Object.entries(limits).flatMap(([keyId, { env }]) => {
    const path = env?.[CONFIG_DIR];
    return path ? [{ keyId, path }] : [];
  });
}

/** Throws if the configuration folder of a key is not an absolute path: the CLI runs in many folders. */
export function checkConfigFolders(limits: KeyLimits, where: string): void {
  for (const { keyId, path } of configFoldersOfKeys(limits)) {
    if (isAbsolute(path)) continue;
    throw new ConfigError(
      `${where}.${keyId}.env.${CONFIG_DIR} must be an absolute path, got ${JSON.stringify(path)}`,
    );
  }
}

/** The credentials that are written in the file itself. */
export function credentialsIn(limits: KeyLimits): string[] {
  return Object.values(limits).flatMap(({ env = {} }) =>
    Object.entries(env).flatMap(([name, value]) =>
      ACCOUNT.includes(name) && value.length > 1 ? [value] : [],
    ),
  );
}
