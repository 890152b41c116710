import { type RouteTable, switchOn } from "@claudeway/kernel";

/** The prefixes of plugins that ship with the gateway, to name one that is off. */
export const PLUGIN_PATHS: Readonly<Record<string, string>> = {
  "/dashboard": "dashboard",
  "/admin": "dashboard",
  "/admin/keys": "keys",
  "/docs": "swagger",
  "/openapi.json": "swagger",
  "/limits": "limits",
  "/me": "keys",
  "/mcp": "mcp",
  "/.well-known/oauth-protected-resource": "mcp",
  "/repos": "repos",
  "/v1": "openai",
  "/v1/messages": "anthropic",
};

/** The pages among them, by what they are: they need no key, so a browser can be told that they are off. */
export const PAGES: Readonly<Record<string, string>> = {
  "/dashboard": "Dashboard",
  "/docs": "API reference",
};

/** Which plugin is off that would serve the path; undefined if none would. */
export function missingPlugin(path: string, routes: Pick<RouteTable, "match">): string | undefined {
  if (routes.match(path) !== undefined) return undefined;
  const [, first = "", second = ""] = path.split("/", 3);
  const prefix = [`/${first}/${second}`, `/${first}`].find((one) => Object.hasOwn(PLUGIN_PATHS, one));
  return prefix === undefined ? undefined : PLUGIN_PATHS[prefix];
}

/** Whether the path is that of a page, or below it. */
export function isPage(path: string): boolean {
  return Object.hasOwn(PAGES, `/${path.split("/", 2)[1]}`);
}

/** What a person can open below `base`, one a line, or how its plugin is switched on. */
export function whatToOpen(routes: Pick<RouteTable, "match">, base: string): string[] {
  const pages = Object.entries(PAGES).map(([path, name]) => {
    const isOn = routes.match(path) !== undefined;
    return `${name}: ${isOn ? `${base}${path}/` : `off; ${switchOn(PLUGIN_PATHS[path] ?? "")}`}`;
  });
  return [...pages, `Health: ${base}/health`];
}
