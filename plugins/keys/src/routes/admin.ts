import { Refusal, type RouteContext, type RouteState } from "@claudeway/core";
import Router from "@koa/router";
import { isOnRevoke } from "../config.js";
import { changedSettings, fieldsOf, newSettings } from "../fields.js";
import type { VirtualKey } from "../key.js";
import type { KeyActions } from "../key-actions.js";
import type { KeyViews } from "../views.js";

const MAX_GRACE_SECS = 30 * 86_400;
const DEFAULT_GRACE_SECS = 3600;

/** `/admin/keys`: makes, lists, changes, rotates and deletes keys. */
export function adminRoutes(actions: KeyActions, views: KeyViews): Router<RouteState, RouteContext> {
  const router = new Router<RouteState, RouteContext>();
  router.use((ctx, next) => {
    ctx.set("cache-control", "no-store");
    return next();
  });
  router.get("/", async (ctx) => {
    ctx.body = await views.page(wholeNumber(ctx.query, "page", 1), wholeNumber(ctx.query, "limit", 100));
  });
  router.post("/", async (ctx) => {
    const { key, secret } = await actions.create(newSettings(ctx.request?.body), callerOf(ctx.state));
    ctx.status = 201;
    ctx.body = { ...views.ofKey(key), secret };
  });
  router.get("/:id", (ctx) => {
    ctx.body = views.ofKey(found(actions.get(idOf(ctx.params))));
  });
  router.patch("/:id", async (ctx) => {
    const change = (key: VirtualKey) => ({ settings: changedSettings(key.settings, ctx.request?.body) });
    ctx.body = views.ofKey(await actions.change(idOf(ctx.params), change, callerOf(ctx.state)));
  });
  router.post("/:id/rotate", async (ctx) => {
    const { grace_secs: given = DEFAULT_GRACE_SECS } = fieldsOf(ctx.request?.body, ["grace_secs"]);
    const isGrace =
      typeof given === "number" && Number.isInteger(given) && given >= 0 && given <= MAX_GRACE_SECS;
    if (!isGrace) {
      const got = JSON.stringify(given).slice(0, 80);
      throw new Refusal(400, `grace_secs must be an integer from 0 to ${MAX_GRACE_SECS}, got ${got}`);
    }
    const { key, secret } = await actions.rotate(idOf(ctx.params), given, callerOf(ctx.state));
    ctx.body = { ...views.ofKey(key), secret };
  });
  router.post("/:id/enable", async (ctx) => {
    fieldsOf(ctx.request?.body, []);
    ctx.body = views.ofKey(await actions.enable(idOf(ctx.params), callerOf(ctx.state)));
  });
  router.post("/:id/disable", async (ctx) => {
    const { running } = fieldsOf(ctx.request?.body, ["running"]);
    const { key, cancelled } = await actions.disable(
      idOf(ctx.params),
      callerOf(ctx.state),
      onRevoke(running),
    );
    ctx.body = { ...views.ofKey(key), cancelled_turns: cancelled };
  });
  router.delete("/:id", async (ctx) => {
    const id = idOf(ctx.params);
    const cancelled = await actions.delete(id, callerOf(ctx.state), onRevoke(ctx.query["running"]));
    ctx.body = { deleted: true, key_id: id, cancelled_turns: cancelled };
  });
  return router;
}

function idOf({ id = "" }: Readonly<Record<string, string>>): string {
  return id;
}

function found(key: VirtualKey | undefined): VirtualKey {
  if (key === undefined) throw new Refusal(404, "no such key");
  return key;
}

function callerOf({ caller }: RouteState): string {
  if (caller === undefined) throw new Error("the routes of /admin/keys require a key");
  return caller.keyId;
}

function onRevoke(given: unknown) {
  if (given === undefined || isOnRevoke(given)) return given;
  const got = JSON.stringify(given).slice(0, 80);
  throw new Refusal(400, `running must be finish or cancel, got ${got}`);
}

function wholeNumber(
  query: Readonly<Record<string, string | readonly string[] | undefined>>,
  name: string,
  standard: number,
): number {
  const given = query[name] ?? String(standard);
  const number = typeof given === "string" && /^\d{1,6}$/.test(given) ? Number(given) : 0;
  if (number >= 1 && (name !== "limit" || number <= 1000)) return number;
  const most = name === "limit" ? 1000 : 999_999;
  throw new Refusal(
    400,
    `${name} must be an integer from 1 to ${most}, got ${JSON.stringify(given).slice(0, 80)}`,
  );
}
