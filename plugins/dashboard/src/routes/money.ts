import type { CostGrouping, CostPeriod, GatewayControl, LedgerView } from "@claudeway/core";
import type Router from "@koa/router";
import type { Context } from "../access/request.js";
import { csvOf } from "../csv.js";
import { oneOf, wholeNumber } from "../query.js";
import { costOf } from "./views.js";

const GROUPINGS = ["daily", "weekly", "monthly"] as const satisfies readonly CostGrouping[];
const STANDARD_PERIODS: Readonly<Record<CostGrouping, number>> = { daily: 30, weekly: 26, monthly: 24 };
const MAX_PERIODS = 400;

/** `/keys`, `/costs` and `/costs.csv`. */
export function moneyRoutes(router: Router, ledger: LedgerView, control: GatewayControl): void {
  router.get("/keys", async (ctx) => {
    ctx.body = { keys: await keysOf(ledger, control) };
  });
  router.get("/costs", async (ctx) => {
    const { grouping, limit } = asked(ctx);
    ctx.body = {
      data: (await ledger.costs(grouping, limit)).map(periodView),
      group_by: grouping,
      zone: "UTC",
    };
  });
  router.get("/costs.csv", async (ctx) => {
    const { grouping, limit } = asked(ctx);
    ctx.set("content-disposition", `attachment; filename="claudeway-costs-${grouping}.csv"`);
    ctx.type = "text/csv; charset=utf-8";
    ctx.body = csvOf([COLUMNS, ...(await ledger.costs(grouping, limit)).flatMap(rowsOf)]);
  });
}

function asked(ctx: Context) {
  const grouping = oneOf(ctx, "group_by", GROUPINGS) ?? "daily";
  return { grouping, limit: wholeNumber(ctx, "limit", STANDARD_PERIODS[grouping], MAX_PERIODS) };
}

/** Configured keys, used or not, and former keys. */
async function keysOf(ledger: LedgerView, control: GatewayControl) {
  const used = await ledger.byKey();
  const configured = control.keys().map(({ id }) => id);
  const known = new Map(used.map((totals) => [totals.keyId, totals]));
  const ids = [...configured, ...used.map(({ keyId }) => keyId).filter((id) => !configured.includes(id))];
  return ids.map((key_id) => {
    const totals = known.get(key_id);
    return {
      key_id,
      admin: key_id === configured[0],
      configured: configured.includes(key_id),
      origin: originOf(key_id, configured),
      total_requests: totals?.requests ?? 0,
      total_cost_usd: totals === undefined ? 0 : costOf(totals),
      tokens: totals?.tokens ?? { input: 0, output: 0, cache_read: 0, cache_write: 0 },
      last_used: totals?.lastUsed ?? null,
    };
  });
}

function originOf(keyId: string, configured: readonly string[]): "admin" | "configured" | "former" {
  if (keyId === configured[0]) return "admin";
  return configured.includes(keyId) ? "configured" : "former";
}

export type KeyUse = Awaited<ReturnType<typeof keysOf>>[number];

function periodView(period: CostPeriod) {
  return {
    period: period.period,
    cost_usd: costOf(period),
    cost_unpriced_turns: period.unpriced,
    request_count: period.requests,
    tokens: period.tokens,
    by_model: period.byModel.map((totals) => {
      return { model: totals.model, cost_usd: costOf(totals), request_count: totals.requests };
    }),
    by_key: period.byKey.map((key) => {
      const { keyId: key_id, requests: request_count, unpriced: cost_unpriced_turns } = key;
      return { key_id, cost_usd: costOf(key), cost_unpriced_turns, request_count };
    }),
  };
}

export type Period = ReturnType<typeof periodView>;

const COLUMNS = ["period_utc", "of", "name", "requests", "cost_usd"] as const;

/** The lines of a period. The cost is empty where no price is known. */
function rowsOf(all: CostPeriod) {
  const line = (of: string, name: string, totals: Pick<CostPeriod, "requests" | "costUsd" | "unpriced">) => {
    return [all.period, of, name, totals.requests, costOf(totals) ?? ""];
  };
  return [
    line("total", "", all),
    ...all.byModel.map((totals) => line("model", totals.model, totals)),
    ...all.byKey.map((totals) => line("key", totals.keyId, totals)),
  ];
}
