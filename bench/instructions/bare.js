import { createServer } from "node:http";
import { hostname } from "node:os";
import Router from "@koa/router";
import Koa from "koa";

/* What the gateway's instructions are counted against: bare Koa with a router, so that another Node changes both alike. */

const router = new Router();
router.get("/mark", (ctx) => {
  ctx.body = { host: hostname() };
});
router.get("/health", (ctx) => {
  ctx.body = { status: "ok", version: "0.1.0", uptime_secs: Math.floor(process.uptime()) };
});
const app = new Koa();
app.use(router.routes());
const server = createServer(app.callback());
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`listening (http://127.0.0.1:${server.address().port})\n`);
});
process.on("SIGTERM", () => process.exit());
