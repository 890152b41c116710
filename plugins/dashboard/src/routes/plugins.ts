import { type GatewayControl, type PluginStatus, Refusal } from "@claudeway/core";
import type Router from "@koa/router";
import type { Feed } from "../live/feed.js";
import { param } from "../query.js";

/** `/plugins…`: states and timings of plugins; enable and disable. */
export function pluginRoutes(router: Router, control: GatewayControl, feed: Feed): void {
  router.get("/plugins", async (ctx) => {
    ctx.body = { plugins: await list(control) };
  });
  router.post("/plugins/reload", async (ctx) => {
    ctx.body = await telling(() => control.reload());
    feed.notify("plugins");
  });
  router.post("/plugins/:name/enable", async (ctx) => {
    const name = await known(control, param(ctx, "name"));
    await telling(() => control.enable(name));
    feed.notify("plugins");
    ctx.body = { plugin: await find(control, name) };
  });
  router.post("/plugins/:name/disable", async (ctx) => {
    const name = await known(control, param(ctx, "name"));
    // A plugin that was never enabled is off already.
    if (control.plugins().some((plugin) => plugin.name === name)) await telling(() => control.disable(name));
    feed.notify("plugins");
    ctx.body = { plugin: await find(control, name) };
  });
}

async function list(control: GatewayControl): Promise<PluginView[]> {
  const descriptions = await control.descriptions();
  const seen = control.plugins().map(viewOf);
  const names = new Set(seen.map(({ name }) => name));
  const others = (await control.available()).filter((name) => !names.has(name)).map(neverOn);
  return [...seen, ...others].map((view) => ({
    ...view,
    description: descriptions.get(view.source) ?? null,
  }));
}

/** By name only: a path or a package would load code that the operator has not put on the command line. */
async function known(control: GatewayControl, name: string): Promise<string> {
  const names = [...control.plugins().map((plugin) => plugin.name), ...(await control.available())];
  if (!names.includes(name))
    throw new Refusal(
      404,
      `unknown plugin ${JSON.stringify(name)}; known plugins: ${[...new Set(names)].join(", ")}`,
    );
  return name;
}

async function find(control: GatewayControl, name: string): Promise<PluginView | undefined> {
  return (await list(control)).find((plugin) => plugin.name === name);
}

export type PluginView = ReturnType<typeof viewOf> & { readonly description: string | null };

function viewOf(status: PluginStatus) {
  return {
    name: status.name,
    version: status.version ?? null,
    state: status.state,
    enabled: status.state === "on",
    needs: status.needs,
    source: status.source,
    config: status.config,
    started_ms: status.startedMs,
    last_error: status.lastError,
    last_error_code: status.lastErrorCode,
    tap_ms: status.tapMs,
    faults: status.faults,
    dropped: status.dropped,
    blocked_ms: status.blockedMs,
    notices: status.notices,
  };
}

function neverOn(name: string): ReturnType<typeof viewOf> {
  return {
    name,
    version: null,
    state: "off",
    enabled: false,
    needs: [],
    source: name,
    config: {},
    started_ms: 0,
    last_error: null,
    last_error_code: null,
    tap_ms: 0,
    faults: 0,
    dropped: 0,
    blocked_ms: 0,
    notices: [],
  };
}

/** The kernel's reasons are one line each, written for the operator. */
async function telling<T>(change: () => Promise<T>): Promise<T> {
  try {
    return await change();
  } catch (error) {
    throw new Refusal(409, error instanceof Error ? error.message : String(error));
  }
}
