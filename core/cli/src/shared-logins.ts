import { hash } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { ACCOUNT_VARIABLES, KeyEnvironments, type LoadedConfig } from "@claudeway/config";
import { claudeFolder } from "@claudeway/core/host";
import { isObject } from "@claudeway/schemas";

/** Where the CLI stores the login of a subscription, in its configuration folder. */
const CREDENTIALS = ".credentials.json";
/** What to use where a login can't be shared. */
export const SHARED_LOGIN_ADVICE =
  "use an API key (ANTHROPIC_API_KEY), or a token of `claude setup-token` (CLAUDE_CODE_OAUTH_TOKEN), for each";

type Env = Readonly<Record<string, string>>;

/** A login that is stored in a folder, and who uses it. */
interface StoredLogin {
  readonly folder: string;
  readonly users: string[];
}

/**
 * One line for each login with copies in several configuration folders: a token that refreshes it is good for one use, so
 * that the CLI of one folder logs the other ones out.
 */
export function sharedLogins(loaded: LoadedConfig, env: Env): string[] {
  const environments = new KeyEnvironments(loaded);
  const byToken = new Map<string, Map<string, StoredLogin>>();
  for (const { user, own } of usersOf(loaded, environments, env)) {
    const found = storedLogin(own);
    if (found === undefined) continue;
    const folders = byToken.get(found.token) ?? new Map<string, StoredLogin>();
    byToken.set(found.token, folders);
    const login = folders.get(found.folder) ?? { folder: found.folder, users: [] };
    folders.set(found.folder, login);
    login.users.push(user);
  }
  return [...byToken.values()]
    .filter(({ size }) => size > 1)
    .map((folders) => warningOf([...folders.values()]));
}

function usersOf(
  { keys }: Pick<LoadedConfig, "keys">,
  environments: KeyEnvironments,
  env: Env,
): { readonly user: string; readonly own: Env }[] {
  const ofKeys = keys.map(({ id }) => ({ user: `key ${id}`, own: environments.ofFirstAccount(env, id) }));
  return [...ofKeys, { user: "the gateway's user", own: withoutAccount(env) }];
}

/** The user of the gateway has a login of its own beside the account that the gateway is given. */
function withoutAccount(env: Env): Env {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ACCOUNT_VARIABLES.includes(name)));
}

function storedLogin(env: Env): { readonly folder: string; readonly token: string } | undefined {
  if (ACCOUNT_VARIABLES.some((name) => (env[name] ?? "") !== "")) return undefined;
  try {
    const folder = realpathSync(claudeFolder(env));
    const token = refreshTokenIn(readFileSync(join(folder, CREDENTIALS), "utf8"));
    return token === undefined ? undefined : { folder, token };
  } catch {
    // Not logged in there, or nothing that this user may read.
    return undefined;
  }
}

function refreshTokenIn(text: string): string | undefined {
  const stored: unknown = JSON.parse(text);
  const login = isObject(stored) ? stored["claudeAiOauth"] : undefined;
  const token = isObject(login) ? login["refreshToken"] : undefined;
  if (typeof token !== "string" || token === "") return undefined;
  return hash("sha256", token);
}

function warningOf(logins: readonly StoredLogin[]): string {
  const where = logins.map(({ folder, users }) => `${folder} (${users.join(", ")})`).join(" and ");
  return `${where} have copies of one login, which log each other out when they are refreshed; ${SHARED_LOGIN_ADVICE}`;
}
