import type { Keys, LedgerView, Scope } from "@claudeway/core";
import type Router from "@koa/router";

/** How many keys' budgets are listed: the configured keys first, then the most recently used. */
const MAX_KEYS = 100;
/**
 * How long an answer is reused, since each key's plugins are asked for it: shorter than the delay before a page learns that a turn
 * ended, or the page would keep what it was before.
 */
const FRESH_MS = 500;

export interface BudgetParts {
  readonly keys: Keys;
  readonly ledger: LedgerView;
  readonly log: Pick<Scope["log"], "warn">;
}

/** A limit in USD, as the plugin limits describes it to a key. */
export interface Budget {
  readonly limit: string;
  readonly subject: string;
  readonly window: string;
  readonly allowed: number;
  readonly used: number;
  readonly reserved: number;
  readonly resets_at: string | null;
}

/** `GET /budgets`: what keys may spend, and have spent; empty without a plugin that sets budgets. */
export function budgetRoutes(router: Router, parts: BudgetParts): void {
  let known: { readonly at: number; readonly budgets: Promise<Budget[]> } | undefined;
  router.get("/budgets", async (ctx) => {
    if (known === undefined || Date.now() - known.at > FRESH_MS) {
      known = { at: Date.now(), budgets: budgetsOf(parts) };
    }
    ctx.body = { budgets: await known.budgets };
  });
}

async function budgetsOf({ keys, ledger, log }: BudgetParts): Promise<Budget[]> {
  const used = (await ledger.byKey()).toSorted((a, b) => (a.lastUsed < b.lastUsed ? 1 : -1));
  const ids = [...new Set([...keys.list().map(({ id }) => id), ...used.map(({ keyId }) => keyId)])];
  const found = new Map<string, Budget>();
  for (const id of ids.slice(0, MAX_KEYS)) {
    const { limits } = await keys.describe(id, {}).catch((error: unknown) => {
      log.warn({ err: error, key_id: id }, "cannot ask for the limits of a key");
      return { limits: [] };
    });
    for (const limit of Array.isArray(limits) ? limits : []) {
      if (isBudget(limit)) found.set(`${limit.limit} ${limit.subject}`, viewOf(limit));
    }
  }
  return [...found.values()].sort((a, b) => shareOf(b) - shareOf(a));
}

function isBudget(limit: unknown): limit is Budget {
  if (typeof limit !== "object" || limit === null || !("unit" in limit) || limit.unit !== "usd") return false;
  return ["limit", "subject", "window", "allowed", "used", "reserved", "resets_at"].every(
    (name) => name in limit,
  );
}

function viewOf({ limit, subject, window, allowed, used, reserved, resets_at }: Budget): Budget {
  return { limit, subject, window, allowed, used, reserved, resets_at };
}

function shareOf({ allowed, used, reserved }: Budget): number {
  return allowed === 0 ? 1 : (used + reserved) / allowed;
}
