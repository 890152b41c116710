import { definePlugin, type Quota, type RequestInfo } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };
import { KeyClaims, type Limit } from "./claims.js";
import { type LimitsConfig, refuseEqualNames } from "./config.js";
import { readAll } from "./counters.js";
import { LIMITS_PAGE } from "./page.js";
import { setRateHeaders } from "./rate-headers.js";
import { refusalOf } from "./refusal.js";
import { ADMIN_PATHS, adminRoutes, LIMIT_PATHS, limitRoutes, limitsOf } from "./routes.js";
import { BudgetWarnings } from "./warnings.js";

export default definePlugin<LimitsConfig, "quota" | "keys" | "control">({
  name: "limits",
  apiVersion: 1,
  configSchema,
  needs: ["quota", "keys", "control"],
  async check(config) {
    refuseEqualNames(config);
    return `${config.budgets.length} budgets, ${config.rates.length} rates`;
  },
  apply({ control, hooks, keys, ledger, quota, store, log, mount, page }, config) {
    refuseEqualNames(config);
    const { maxRunning, maxQueued } = control.queue;
    const claims = new KeyClaims(config, (keyId) => keys.of(keyId).tags ?? [], maxRunning + maxQueued);
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
    hooks.backgroundTurn.tapPromise("reserve", ({ id, keyId }) =>
      reserve(id, claims.ofBackgroundTurn(keyId)),
    );
    hooks.afterExecute.tapPromise("warn", ({ keyId }) => warnings.check(claims.ofBudgets(keyId)));
    hooks.usagePriced.tapPromise("warn", ({ keyId }) => warnings.check(claims.ofBudgets(keyId)));
    hooks.describeKey.tapPromise("limits", async (description, keyId) => ({
      ...description,
      limits: await limitsOf(keyId, claims, quota),
    }));
    mount("/limits", limitRoutes(claims, quota), { openapi: LIMIT_PATHS });
    mount("/admin/limits", adminRoutes({ claims, quota, keys, ledger }), {
      auth: "admin",
      openapi: ADMIN_PATHS,
    });
    page(LIMITS_PAGE);
  },
});

/** Counts a request, and says in headers what is left. */
async function countRequest(request: RequestInfo, claims: KeyClaims, quota: Quota) {
  const counted = claims.ofRequest(request.keyId);
  const limits = [...counted, ...claims.ofTokens(request.keyId)];
  if (limits.length === 0) return undefined;
  const result = counted.length === 0 ? undefined : await quota.count(counted);
  setRateHeaders(request, limits, await readAll(quota, limits));
  return result === undefined || result.ok || result.reason === "ended"
    ? undefined
    : refusalOf(result.full, counted);
}
