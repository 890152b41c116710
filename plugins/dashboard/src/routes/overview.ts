import type { Approvals, GatewayControl, LedgerView, SessionsView } from "@claudeway/core";
import type Router from "@koa/router";
import { costOf, turnView, waitingIn } from "./views.js";

export interface OverviewParts {
  readonly control: GatewayControl;
  readonly ledger: LedgerView;
  readonly sessions: SessionsView;
  readonly approvals: Approvals;
}

/** `GET /overview`: load, cost and pending approvals. */
export function overviewRoutes(router: Router, parts: OverviewParts): void {
  router.get("/overview", async (ctx) => {
    ctx.body = await overviewOf(parts);
  });
}

async function overviewOf({ control, ledger, sessions, approvals }: OverviewParts) {
  const [overview, active, running, waiting] = await Promise.all([
    ledger.overview(),
    sessions.list({ page: 1, limit: 1 }),
    ledger.running(),
    waitingIn(approvals),
  ]);
  return {
    uptime_secs: Math.floor(process.uptime()),
    total_requests: overview.requests,
    active_sessions: active.total,
    total_cost_usd: costOf(overview),
    tokens: overview.tokens,
    cost_estimated_turns: overview.estimated,
    cost_unpriced_turns: overview.unpriced,
    models_breakdown: overview.byModel.map((totals) => {
      const { model, requests, tokens } = totals;
      return { model, request_count: requests, cost_usd: costOf(totals), tokens };
    }),
    load: control.load(),
    pending_approvals: waiting.total,
    running_turns: running.map((turn) => turnView(turn, waiting.turnIds.has(turn.id))),
    public_url: control.publicUrl() ?? null,
    version: control.version,
  };
}

export type Overview = Awaited<ReturnType<typeof overviewOf>>;
