import type { GatewayControl, PluginPage } from "@claudeway/core";
import type Router from "@koa/router";
import { NODES_PAGE } from "./nodes.js";

/** A page of a plugin; its address is `#/<name>`. */
export interface NamedPage extends PluginPage {
  readonly name: string;
  readonly plugin: string;
}

const OWN = "dashboard";
/** Pages of the dashboard itself: a plugin's page of the same name gets another address. */
const OWN_NAMES = ["overview", "requests", "sessions", "approvals", "logs", "costs", "plugins", "nodes"];

/** The usage of keys; the page of the plugin `keys` takes its place, as that plugin's routes do. */
export const KEYS_PAGE: PluginPage = {
  title: "Keys",
  description: "A request is counted when its turn ends.",
  parts: [
    {
      type: "table",
      title: "Keys",
      source: "/admin/keys",
      rows: "keys",
      columns: [
        { title: "Key", field: "key_id" },
        { title: "From", field: "origin" },
        { title: "Requests", field: "total_requests", format: "number", optional: true },
        { title: "Cost", field: "total_cost_usd", format: "usd", missing: "unknown" },
        { title: "Tokens in, out", field: "tokens", format: "tokens", optional: true },
        { title: "Last used", field: "last_used", format: "ago", missing: "never" },
      ],
      links: [
        { label: "sessions", to: "#/sessions?key_id={key_id}" },
        { label: "log", to: "#/logs?key_id={key_id}" },
      ],
    },
  ],
};

/** `/pages`: the pages of plugins that are on, and in a cluster that of its nodes. */
export function pluginPageRoutes(router: Router, control: Pick<GatewayControl, "pages" | "nodes">): void {
  router.get("/pages", async (ctx) => {
    const nodes =
      (await control.nodes()) === undefined ? [] : [{ ...NODES_PAGE, plugin: OWN, name: "nodes" }];
    ctx.body = { pages: [...pagesOf(control), ...nodes] };
  });
}

function pagesOf(control: Pick<GatewayControl, "pages">): NamedPage[] {
  const described = control.pages();
  const hasKeys = described.some(({ plugin }) => plugin === "keys");
  return described
    .filter(({ plugin }) => !(plugin === OWN && hasKeys))
    .map(({ plugin, page }) => ({ ...page, plugin, name: nameOf(plugin) }))
    .sort((one, other) => Number(other.name === "keys") - Number(one.name === "keys"));
}

function nameOf(plugin: string): string {
  if (plugin === OWN) return "keys";
  return OWN_NAMES.includes(plugin) ? `${plugin}_plugin` : plugin;
}
