import type { QuotaWindow } from "@claudeway/core";

/** The `[plugins.limits]` section, validated, with defaults. */
export interface LimitsConfig {
  readonly budgets: readonly Budget[];
  readonly rates: readonly Rate[];
}

/** For whom a budget or a rate is. */
export interface Scope {
  readonly name: string;
  /** The ids of keys; undefined, as are `tags`: all keys. */
  readonly keys?: readonly string[];
  /** The tags of keys. */
  readonly tags?: readonly string[];
  /** Who has one of their own. */
  readonly per: "key" | "tag" | "all";
}

export interface Budget extends Scope {
  readonly usd: number;
  readonly window: Exclude<QuotaWindow, "minute">;
  readonly reserve_usd: number;
  readonly warn_at: readonly number[];
}

export interface Rate extends Scope {
  readonly requests_per_minute?: number;
  readonly turns_per_minute?: number;
  readonly tokens_per_minute?: number;
  readonly concurrent_turns?: number;
  readonly queue_share?: number;
}

/** Throws an Error where two budgets or two rates have one name: their counters would be one. */
export function refuseEqualNames({ budgets, rates }: LimitsConfig): void {
  for (const [what, scopes] of Object.entries({ budgets, rates })) {
    const names = scopes.map(({ name }) => name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) throw new Error(`${what} must have different names, got ${twice} twice`);
  }
}

/** A key, as far as limits depend on it. */
export interface TaggedKey {
  readonly id: string;
  readonly tags: readonly string[];
}

/** Whose counters a key counts on: none if the scope is not for it, several if each of its tags has one. */
export function subjectsOf({ keys, tags, per }: Scope, key: TaggedKey): string[] {
  const own = tags === undefined ? key.tags : key.tags.filter((tag) => tags.includes(tag));
  const isForAll = keys === undefined && tags === undefined;
  const applies = isForAll || keys?.includes(key.id) === true || (tags !== undefined && own.length > 0);
  if (!applies) return [];
  if (per === "tag") return own.map((tag) => `tag:${tag}`);
  return [per === "all" ? "all" : `key:${key.id}`];
}
