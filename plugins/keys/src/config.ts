/** The `[plugins.keys]` section, validated, with defaults. */
export interface KeysConfig {
  readonly max_keys: number;
  readonly on_revoke: OnRevoke;
}

/** What happens to the turns that a key has begun when it is revoked. */
export type OnRevoke = "finish" | "cancel";

export function isOnRevoke(value: unknown): value is OnRevoke {
  return value === "finish" || value === "cancel";
}
