import { definePlugin, type Quota, type RequestInfo } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };
import { KeyClaims, type Limit } from "./claims.js";
import { type LimitsConfig, refuseEqualNames } from "./config.js";
import { refusalOf } from "./refusal.js";
import { LIMIT_PATHS, limitRoutes } from "./routes.js";
import { BudgetWarnings, counterOf } from "./warnings.js";

export default definePlugin<LimitsConfig, "quota">({
  name: "limits",
  apiVersion: 1,
  configSchema,
  needs: ["quota"],
  apply({ hooks, quota, store, log, mount }, config) {
    refuseEqualNames(config);
    const claims = new KeyClaims(config);
    const warnings = new BudgetWarnings(quota, store, log);
    const reserve = async (turnId: string, limits: readonly Limit[]) => {
      if (limits.length === 0) return undefined;
      const result = await quota.reserve(turnId, limits);
      return result.ok || result.reason === "ended" ? undefined : refusalOf(result.full, limits);
    };
    hooks.request.tapPromise("rates", (request) => countRequest(request, claims, quota));
    hooks.beforeExecute.tapPromise("reserve", async (_plan, { id, keyId }) => {
      const refusal = await reserve(id, claims.ofTurn(keyId));
      if (refusal !== undefined) throw refusal;
    });
    // It runs already, so only what it costs can be limited.
    hooks.backgroundTurn.tapPromise("reserve", ({ id, keyId }) => reserve(id, claims.ofBudgets(keyId)));
    hooks.afterExecute.tapPromise("warn", ({ keyId }) => warnings.check(claims.ofBudgets(keyId)));
    mount("/limits", limitRoutes(claims, quota), { openapi: LIMIT_PATHS });
  },
});

/** Counts a request, and says in headers what is left of the tightest limit. */
async function countRequest(request: RequestInfo, claims: KeyClaims, quota: Quota) {
  const limits = claims.ofRequest(request.keyId);
  if (limits.length === 0) return undefined;
  const result = await quota.count(limits);
  const states =
    result.ok || result.reason === "ended" ? await quota.read(limits.map(counterOf)) : result.full;
  const left = limits.flatMap(({ name, subject, limit }) => {
    const state = states.find((one) => one.name === name && one.subject === subject);
    return state === undefined ? [] : [{ limit, remaining: Math.max(0, limit - state.used), state }];
  });
  const [tightest] = left.sort((one, other) => one.remaining - other.remaining);
  if (tightest !== undefined) {
    request.setHeader("x-ratelimit-limit-requests", String(tightest.limit));
    request.setHeader("x-ratelimit-remaining-requests", String(tightest.remaining));
    if (tightest.state.resetsAt !== undefined)
      request.setHeader("x-ratelimit-reset-requests", tightest.state.resetsAt);
  }
  return result.ok || result.reason === "ended" ? undefined : refusalOf(result.full, limits);
}
