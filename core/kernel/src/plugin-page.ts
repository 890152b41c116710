import { type PluginPage, validate } from "@claudeway/schemas";
import { deepFreeze } from "./calling/freeze.js";
import { isAtOrBelow } from "./routes.js";

/**
 * A frozen copy of a plugin's description of its page. Throws if the schema refuses it, or if it names a route that the
 * plugin has not mounted: the page of one plugin must not act through the routes of another.
 */
export function checkPage(page: PluginPage, prefixes: readonly string[]): PluginPage {
  const checked = validate("plugin-page", page, { path: "page", noun: "field" });
  if (!checked.ok) throw new TypeError(checked.message);
  for (const path of pathsIn(checked.value)) {
    const [route = ""] = path.split("?", 1);
    if (prefixes.some((prefix) => isAtOrBelow(route, prefix))) continue;
    const mounted = prefixes.length === 0 ? "mount it first" : `mounted are ${prefixes.join(", ")}`;
    throw new Error(`page: ${path} must be below a prefix that the plugin has mounted; ${mounted}`);
  }
  return deepFreeze(checked.value);
}

function pathsIn({ parts }: PluginPage): string[] {
  return parts.flatMap((part) => {
    if (part.type === "form") return [part.path];
    const actions = part.type === "table" ? (part.actions ?? []) : [];
    return [part.source, ...actions.map(({ path }) => path)];
  });
}
