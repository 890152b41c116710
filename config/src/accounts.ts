import { ConfigError } from "./errors.js";
import type { KeyLimits } from "./keys.js";
import { didYouMean } from "./text.js";

/** Variables that decide whose account the CLI uses, and how. */
export const ACCOUNT = [
  "ANTHROPIC_API_KEY",
  "ANTHROPIC_AUTH_TOKEN",
  "CLAUDE_CODE_OAUTH_TOKEN",
  "CLAUDE_CODE_USE_BEDROCK",
  "CLAUDE_CODE_USE_VERTEX",
  "CLAUDE_CODE_USE_FOUNDRY",
];
const SUBSCRIPTION = "CLAUDE_CODE_OAUTH_TOKEN";
/** What the tokens of subscriptions begin with, whichever variable they are in. */
const SUBSCRIPTION_TOKEN = "sk-ant-oat";
/** Where conversations are: turns of one key continue them with any of its accounts. */
const FOLDERS = ["CLAUDE_CONFIG_DIR", "HOME"];
/** Variables of an account that hold a secret, besides those of `ACCOUNT`. */
const SECRET = /KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL/;

type Env = Readonly<Record<string, string>>;

/** The accounts in the configuration, and who uses which of them, in order. */
export interface AccountSettings {
  readonly accounts: Readonly<Record<string, Env>>;
  readonly engine: { readonly accounts: readonly string[] };
}

/** Whether these variables name an account. */
export function namesAccount(env: Env | undefined): boolean {
  return ACCOUNT.some((name) => env?.[name] !== undefined);
}

/** The names of a key's accounts, in order; without a key, those of all keys. Empty if it has none by name. */
export function accountsOf(
  { engine }: Pick<AccountSettings, "engine">,
  limits: KeyLimits,
  keyId: string | undefined,
): readonly string[] {
  const own = keyId !== undefined && Object.hasOwn(limits, keyId) ? limits[keyId] : undefined;
  if (own?.accounts !== undefined) return own.accounts;
  return namesAccount(own?.env) ? [] : engine.accounts;
}

/** Throws if a list names an unknown account, or accounts that can't be used one after the other. */
export function checkAccounts(
  { accounts, engine }: AccountSettings,
  limits: KeyLimits,
  shown: string | undefined,
): void {
  for (const [name, env] of Object.entries(accounts)) checkAccount(env, `${shown}: accounts.${name}`);
  checkList(engine.accounts, accounts, `${shown}: engine.accounts`);
  for (const [keyId, { accounts: own, env }] of Object.entries(limits)) {
    if (own === undefined) continue;
    const where = `${shown}: keys.${keyId}`;
    checkList(own, accounts, `${where}.accounts`);
    const twice = ACCOUNT.find((name) => env?.[name] !== undefined);
    if (twice !== undefined) throw new ConfigError(`${where}.env.${twice} must not be set beside accounts`);
  }
}

function checkAccount(env: Env, where: string): void {
  const folder = FOLDERS.find((name) => env[name] !== undefined);
  if (folder !== undefined) {
    throw new ConfigError(
      `${where}.${folder} must not be set: turns continue their conversations with other accounts; set it in [keys.<id>.env]`,
    );
  }
  if (!namesAccount(env)) throw new ConfigError(`${where} must have one of ${ACCOUNT.join(", ")}`);
}

function checkList(list: readonly string[], accounts: AccountSettings["accounts"], where: string): void {
  for (const name of list) {
    const env = Object.hasOwn(accounts, name) ? accounts[name] : undefined;
    if (env === undefined) {
      const known = Object.keys(accounts);
      throw new ConfigError(
        `${where}: unknown account ${JSON.stringify(name)};${didYouMean(name, known)} known accounts: ${known.join(", ") || "none"}`,
      );
    }
    if (list.length === 1) continue;
    const token = Object.keys(env).find(
      (key) => key === SUBSCRIPTION || env[key]?.startsWith(SUBSCRIPTION_TOKEN),
    );
    if (token !== undefined) {
      throw new ConfigError(
        `${where}: a list of several accounts must have only API keys and cloud providers, got a subscription (accounts.${name}.${token}); turns of a subscription wait for its limit with on_limit = "wait"`,
      );
    }
  }
}

/** The credentials that are written in the file itself. */
export function credentialsIn(limits: KeyLimits, accounts: AccountSettings["accounts"]): string[] {
  const ofKeys = Object.values(limits).flatMap(({ env = {} }) => secretsIn(env, isAccount));
  const named = Object.values(accounts).flatMap((env) =>
    secretsIn(env, (name) => isAccount(name) || SECRET.test(name)),
  );
  return [...ofKeys, ...named];
}

function isAccount(name: string): boolean {
  return ACCOUNT.includes(name);
}

function secretsIn(env: Env, isSecret: (name: string) => boolean): string[] {
  return Object.entries(env).flatMap(([name, value]) => (isSecret(name) && value.length > 1 ? [value] : []));
}
