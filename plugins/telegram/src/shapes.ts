import type { UserFromGetMe } from "telegraf/types";

/** Only the username is checked; telegraf uses nothing else. */
export function isBot(result: unknown): result is UserFromGetMe {
  return isObject(result) && "username" in result && typeof result.username === "string";
}

export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
