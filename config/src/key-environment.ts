import { isAbsolute, join } from "node:path";
import type { Config } from "@claudeway/schemas";
import { ACCOUNT, type AccountSettings, accountsOf, namesAccount } from "./accounts.js";
import { ConfigError } from "./errors.js";
import type { KeyLimits } from "./keys.js";

const CONFIG_DIR = "CLAUDE_CONFIG_DIR";
/** Environments are remembered for this many keys: plugins can admit any number. */
const MAX_KEYS = 1000;

type Env = Readonly<Record<string, string>>;

/** The account of a turn. */
export interface ChosenAccount {
  /** Its name in the configuration. */
  readonly name: string;
  /** Whether another one can take over: then the CLI does not repeat a refused request for minutes. */
  readonly replaceable: boolean;
}

/** How often the CLI repeats a request of an account that another one can replace. */
const RETRIES = { CLAUDE_CODE_MAX_RETRIES: "2" };

/** The environment of the CLI for each key: that of the gateway, with the key's own account and configuration folder. */
export class KeyEnvironments {
  #base: Env | undefined;
  readonly #made = new Map<string, Env>();

  constructor(
    private readonly loaded: {
      readonly config: Pick<Config, "data_dir" | "accounts"> & {
        readonly engine: Pick<Config["engine"], "config_dirs" | "accounts">;
      };
      readonly keyLimits: KeyLimits;
    },
  ) {}

  /** The names of a key's accounts, in order; empty if its environment alone decides. */
  accountsOf(keyId: string | undefined): readonly string[] {
    return accountsOf(this.loaded.config, this.loaded.keyLimits, keyId);
  }

  /** The environment for a key with the first of its accounts. */
  ofFirstAccount(base: Env, keyId: string | undefined): Env {
    const [name] = this.accountsOf(keyId);
    return this.of(base, keyId, name === undefined ? undefined : { name, replaceable: false });
  }

  /**
   * The environment for a key. The same object as long as `base` is the same one.
   *
   * @param base the gateway's environment without its secrets
   * @param keyId undefined where the CLI runs for no key
   * @param account undefined where no account is used, such as for a conversation that is read
   */
  of(base: Env, keyId: string | undefined, account?: ChosenAccount): Env {
    if (keyId === undefined && account === undefined) return base;
    if (this.#base !== base || this.#made.size >= MAX_KEYS) this.#made.clear();
    this.#base = base;
    const name = JSON.stringify([keyId ?? null, account ?? null]);
    const made = this.#made.get(name) ?? this.#make(base, keyId, account);
    this.#made.set(name, made);
    return made;
  }

  #make(base: Env, keyId: string | undefined, account: ChosenAccount | undefined): Env {
    const { config, keyLimits } = this.loaded;
    const own = keyId !== undefined && Object.hasOwn(keyLimits, keyId) ? keyLimits[keyId]?.env : undefined;
    const perKey = keyId !== undefined && config.engine.config_dirs === "per_key";
    if (own === undefined && !perKey && account === undefined) return base;
    const folder = perKey ? { [CONFIG_DIR]: join(config.data_dir, "claude", keyId) } : {};
    const named = account && variablesOf(config, account);
    const hasAccount = namesAccount(own) || named !== undefined;
    const inherited = Object.entries(base).filter(([name]) => !hasAccount || !ACCOUNT.includes(name));
    const all = { ...Object.fromEntries(inherited), ...folder, ...own, ...named };
    return Object.freeze(Object.fromEntries(Object.entries(all).filter(([, value]) => value !== "")));
  }
}

function variablesOf({ accounts }: Pick<AccountSettings, "accounts">, { name, replaceable }: ChosenAccount) {
  return { ...(replaceable && RETRIES), ...accounts[name] };
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
