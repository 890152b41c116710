import type {
  Approvals,
  GatewayControl,
  Keys,
  LedgerView,
  PluginStore,
  Scope,
  SessionsView,
  TurnRunner,
} from "@claudeway/core";
import Router from "@koa/router";
import type { AdminSessions } from "./access/admin-sessions.js";
import { adminOnly, tokenIn } from "./access/guard.js";
import type { SharedLogins } from "./access/shared-logins.js";
import type { Feed } from "./live/feed.js";
import { Peers } from "./peers.js";
import { approvalRoutes } from "./routes/approvals.js";
import { budgetRoutes } from "./routes/budgets.js";
import { eventRoutes } from "./routes/events.js";
import { loginRoutes } from "./routes/login.js";
import { logRoutes } from "./routes/logs.js";
import { moneyRoutes } from "./routes/money.js";
import { nodeRoutes } from "./routes/nodes.js";
import { overviewRoutes } from "./routes/overview.js";
import { pluginPageRoutes } from "./routes/plugin-pages.js";
import { pluginRoutes } from "./routes/plugins.js";
import { requestRoutes } from "./routes/requests.js";
import { SentOnce } from "./routes/sent-once.js";
import { sessionRoutes } from "./routes/sessions.js";
import { statisticsRoutes } from "./routes/statistics.js";
import type { StatisticsHistory } from "./statistics/history.js";

export interface AdminParts {
  readonly control: GatewayControl;
  readonly sessions: SessionsView;
  readonly ledger: LedgerView;
  readonly turns: TurnRunner;
  readonly approvals: Approvals;
  readonly feed: Feed;
  readonly logins: AdminSessions;
  readonly sharedLogins: SharedLogins | undefined;
  readonly keys: Keys;
  readonly log: Pick<Scope["log"], "warn">;
  readonly history: StatisticsHistory;
  readonly store: Pick<PluginStore, "get" | "set">;
  /** See `keyMark`. */
  readonly mark: string;
}

/** The admin API, below `/admin`. */
export function adminRouter(parts: AdminParts): Router {
  const { control, ledger, feed, logins, sharedLogins, mark } = parts;
  const router = new Router();
  const peers = new Peers(control, parts.sessions);
  router.use((ctx, next) => {
    // Never cached, never framed by another site.
    ctx.set({
      "cache-control": "no-store",
      "cross-origin-resource-policy": "same-origin",
      "x-content-type-options": "nosniff",
    });
    return next();
  });
  if (sharedLogins !== undefined) {
    router.use(async (ctx, next) => {
      await sharedLogins.refresh(tokenIn(ctx.headers));
      return next();
    });
  }
  loginRoutes(router, { control, sessions: logins, shared: sharedLogins, mark });
  router.use(adminOnly(control, logins));
  overviewRoutes(router, parts);
  statisticsRoutes(router, parts.history);
  budgetRoutes(router, parts);
  requestRoutes(router, { ledger, prompts: feed.prompts, approvals: parts.approvals });
  const { prompts, firstPrompts, work } = feed;
  sessionRoutes(router, { ...parts, peers, prompts, firstPrompts, work, sent: new SentOnce(parts) });
  approvalRoutes(router, { ...parts, peers, prompts });
  logRoutes(router, { control, ledger, peers });
  moneyRoutes(router, ledger, control);
  pluginRoutes(router, control, feed);
  pluginPageRoutes(router, control);
  nodeRoutes(router, { control, ledger, peers });
  eventRoutes(router, feed, peers);
  return router;
}
