import type { QuotaWindow } from "@claudeway/core";

/** The `[plugins.limits]` section, validated, with defaults. */
export interface LimitsConfig {
  readonly budgets: readonly Budget[];
  readonly rates: readonly Rate[];
}

/** For whom a budget or a rate is. */
export interface Scope {
  readonly name: string;
  /** Undefined: all keys. */
  readonly keys?: readonly string[];
  /** Whether its keys share it; otherwise each has its own. */
  readonly shared: boolean;
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
}

/** Throws an Error where two budgets or two rates have one name: their counters would be one. */
export function refuseEqualNames({ budgets, rates }: LimitsConfig): void {
  for (const [what, scopes] of Object.entries({ budgets, rates })) {
    const names = scopes.map(({ name }) => name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) throw new Error(`${what} must have different names, got ${twice} twice`);
  }
}

export function appliesTo({ keys }: Scope, keyId: string): boolean {
  return keys === undefined || keys.includes(keyId);
}

/** Whose counter it is: the key's own, or that of all its keys. */
export function subjectOf({ shared }: Scope, keyId: string): string {
  return shared ? "all" : `key:${keyId}`;
}
