import type { Keys, KeyTotals, LedgerView } from "@claudeway/core";
import type { KeyDirectory } from "./directory.js";
import type { KeySettings } from "./fields.js";
import { stateOf, type VirtualKey } from "./key.js";
import type { LastUse } from "./last-use.js";

export interface KeyViewsParts {
  readonly directory: KeyDirectory;
  readonly lastUse: Pick<LastUse, "of">;
  readonly keys: Pick<Keys, "list" | "of" | "describe">;
  readonly ledger: Pick<LedgerView, "byKey">;
}

/** Keys as the admin and their own holders see them. */
export class KeyViews {
  constructor(private readonly parts: KeyViewsParts) {}

  /** A key that was made at run time, without what it used. */
  ofKey(key: VirtualKey) {
    const [, before] = key.secrets;
    const until = before?.until ?? null;
    return {
      key_id: key.id,
      ...settingsView(key.settings),
      state: stateOf(key),
      created_at: key.createdAt,
      created_by: key.createdBy,
      last_used: this.parts.lastUse.of(key.id),
      old_secret_valid_until: until !== null && Date.parse(until) > Date.now() ? until : null,
    };
  }

  /** The configured keys, then those that were made at run time, the newest first, then former ones. */
  async page(page: number, limit: number) {
    const { directory, keys, ledger } = this.parts;
    const totals = new Map((await ledger.byKey()).map((one) => [one.keyId, one]));
    const configured = keys.list().map(({ id }) => id);
    const made = directory.list().map(({ id }) => id);
    const known = new Set([...configured, ...made]);
    const ids = [...known, ...[...totals.keys()].filter((id) => !known.has(id))];
    const shown = ids.slice((page - 1) * limit, page * limit);
    return {
      keys: shown.map((id) => {
        const key = directory.get(id);
        const origin = originOf(id, key, configured);
        return {
          ...usageView(totals.get(id)),
          key_id: id,
          admin: id === configured[0],
          configured: configured.includes(id),
          origin,
          ...(origin === "former" && { state: "former" }),
          ...(key !== undefined && this.ofKey(key)),
        };
      }),
      total: ids.length,
      page,
      limit,
    };
  }

  /** A key as its holder sees it, with what other plugins know of it. */
  own(keyId: string, admin: boolean) {
    const { directory, keys } = this.parts;
    const configured = keys.list().some(({ id }) => id === keyId);
    const { maxRunning: max_running, workdirs, allow, tags } = keys.of(keyId);
    const settings = directory.get(keyId)?.settings ?? { name: keyId, max_running, workdirs, allow, tags };
    return keys.describe(keyId, { key_id: keyId, admin, configured, ...settingsView(settings) });
  }
}

function originOf(id: string, key: VirtualKey | undefined, configured: readonly string[]) {
  if (key !== undefined) return "plugin";
  if (id === configured[0]) return "admin";
  return configured.includes(id) ? "configured" : "former";
}

/** Null: not limited, or not set. */
function settingsView({
  name,
  owner,
  tags,
  allow,
  ...limits
}: Omit<KeySettings, "workdirs" | "tags" | "allow"> & {
  readonly workdirs?: readonly string[] | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly allow?: readonly string[] | undefined;
}) {
  return {
    name,
    owner: owner ?? null,
    tags: tags ?? [],
    expires_at: limits.expires_at ?? null,
    models: limits.models ?? null,
    permission_modes: limits.permission_modes ?? null,
    workdirs: limits.workdirs ?? null,
    max_running: limits.max_running ?? null,
    allow: allow ?? [],
  };
}

/** As far as a turn of the key has ended. */
function usageView(totals: KeyTotals | undefined) {
  const isUnpriced = totals !== undefined && totals.unpriced > 0 && totals.costUsd === 0;
  return {
    total_requests: totals?.requests ?? 0,
    total_cost_usd: isUnpriced ? null : (totals?.costUsd ?? 0),
    tokens: totals?.tokens ?? { input: 0, output: 0, cache_read: 0, cache_write: 0 },
    last_used: totals?.lastUsed ?? null,
  };
}
