import type { PluginScope, PluginStore, Quota, QuotaState } from "@claudeway/core";
import type { Limit } from "./claims.js";
import { readAll } from "./counters.js";

/** How long it is remembered that a warning was sent about a budget that never begins anew, in ms. */
const NEVER_MS = 365 * 86_400_000;

/** Sends each warning about a budget once in a window, over restarts too. */
export class BudgetWarnings {
  constructor(
    private readonly quota: Pick<Quota, "read" | "warn">,
    private readonly store: Pick<PluginStore, "set">,
    private readonly log: Pick<PluginScope["log"], "warn">,
  ) {}

  /** Looks at these budgets after a turn. */
  async check(limits: readonly Limit[]): Promise<void> {
    const states = await readAll(this.quota, limits);
    for (const [index, limit] of limits.entries()) {
      const state = states[index];
      if (state !== undefined) await this.#warn(limit, state);
    }
  }

  async #warn({ of, subject, limit }: Limit, { used, window, resetsAt }: QuotaState): Promise<void> {
    if (typeof of === "string" || limit === 0) return;
    const passed = of.warn_at.filter((share) => used >= share * limit);
    if (passed.length === 0) return;
    const share = Math.max(...passed);
    const key = `warned:${of.name}:${subject}:${share}:${resetsAt ?? ""}`;
    const ttlMs = resetsAt === undefined ? NEVER_MS : Math.max(1, Date.parse(resetsAt) - Date.now());
    const { ok } = await this.store.set(key, true, { expected: null, ttlMs });
    if (!ok) return;
    this.log.warn(
      { budget: of.name, subject, used_usd: used, limit_usd: limit },
      "a budget is nearly used up",
    );
    this.quota.warn({ budget: of.name, subject, window, limitUsd: limit, spentUsd: used, share, resetsAt });
  }
}
