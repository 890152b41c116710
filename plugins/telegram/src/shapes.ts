import type { UserFromGetMe } from "telegraf/types";

/** The rest is telegraf's business, which looks at nothing but the name. */
export function isBot(result: unknown): result is UserFromGetMe {
  return isObject(result) && "username" in result && typeof result.username === "string";
}

export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
