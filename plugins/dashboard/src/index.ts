import { definePlugin, pageRouter } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };
import { AdminSessions } from "./access/admin-sessions.js";
import { isBelowAdmin, loginAt, tokenIn } from "./access/guard.js";
import { keyMark } from "./access/key-mark.js";
import { SharedLogins } from "./access/shared-logins.js";
import { adminRouter } from "./admin.js";
import { Feed } from "./live/feed.js";
import { ADMIN_PATHS, PAGE_PATHS } from "./openapi/paths.js";
import { builtPages } from "./pages/assets.js";
import { KEYS_PAGE } from "./routes/plugin-pages.js";
import { StatisticsHistory } from "./statistics/history.js";

/** The `[plugins.dashboard]` section, validated, with defaults. */
export interface DashboardConfig {
  readonly session_secs: number;
}

export default definePlugin<DashboardConfig, "control" | "turns" | "approvals" | "keys">({
  name: "dashboard",
  apiVersion: 1,
  configSchema,
  needs: ["control", "turns", "approvals", "keys"],
  async apply(kernel, config) {
    const feed = new Feed(kernel);
    const { control, sessions, ledger, turns, approvals, keys, log, store, shared, signal } = kernel;
    const history = new StatisticsHistory({ ledger, store, log });
    kernel.onDispose(() => history.close());
    // A login ends with the key that it came with.
    const fingerprint = control.keys()[0]?.fingerprint;
    const logins = new AdminSessions(config.session_secs, Date.now, fingerprint);
    const mark = await keyMark(fingerprint, store);
    const sharedLogins = shared ? await SharedLogins.open({ sessions: logins, store, signal }) : undefined;
    const common = { control, sessions, ledger, turns, approvals, keys, log, store, mark };
    const parts = { ...common, feed, logins, sharedLogins, history };
    if (sharedLogins === undefined)
      kernel.hooks.authenticate.tap("login", (request) => loginAt(request, control, logins));
    else
      kernel.hooks.authenticate.tapPromise("login", async (request) => {
        if (isBelowAdmin(request)) await sharedLogins.refresh(tokenIn(request.credentials()));
        return loginAt(request, control, logins);
      });
    // The gateway asks for no key on either: a browser sends none, and the API checks its cookie itself.
    kernel.mount("/admin", adminRouter(parts), {
      auth: "none",
      openapi: ADMIN_PATHS,
      isKnown: (headers) => logins.find(tokenIn({ cookie: String(headers["cookie"] ?? "") })) !== undefined,
    });
    kernel.page(KEYS_PAGE);
    kernel.mount("/dashboard", pageRouter(await builtPages()), { auth: "none", openapi: PAGE_PATHS });
  },
});
