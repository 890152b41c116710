import Router from "@koa/router";
import Koa from "koa";
import bodyParser from "koa-bodyparser";
import { LIMIT_BYTES } from "./rungs.js";

const TOKENS = { input: 0, output: 0, cache_read: 0, cache_write: 0 };
const SESSION = {
  created_at: new Date().toISOString(),
  last_used: new Date().toISOString(),
  model: "sonnet",
  task_count: 0,
  workdir: "/var/lib/claudeway/work/0123456789abcdef",
  tokens: TOKENS,
  cost_usd: 0,
  background: [],
};

/** The same answers as the gateway's from Koa, its router and its body parser alone, checking nothing. */
export function bareRoutes(): Koa {
  const router = new Router();
  router.get("/health", (ctx) => {
    ctx.body = { status: "ok", version: "0.1.0", uptime_secs: Math.floor(process.uptime()) };
  });
  router.get("/sessions", (ctx) => {
    ctx.status = 401;
    ctx.body = { error: 'no key: send "Authorization: Bearer <secret>"', code: "UNAUTHORIZED" };
  });
  router.get("/session/:id", (ctx) => {
    ctx.body = { session_id: ctx.params["id"], ...SESSION };
  });
  router.post("/task", bodyParser({ enableTypes: ["json"], jsonLimit: String(LIMIT_BYTES) }), (ctx) => {
    ctx.status = 400;
    ctx.body = { error: "prompt is missing; it must be a non-empty string", code: "BAD_REQUEST" };
  });
  const app = new Koa();
  app.use(router.routes());
  return app;
}
