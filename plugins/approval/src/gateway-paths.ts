import { resolve } from "node:path";
import type { GatewayControl } from "@claudeway/core";
import type { ProtectedPaths } from "./rules/index.js";

/** The gateway's own paths, to which no rule gives access. */
export function gatewayPaths({ paths, logDir }: Pick<GatewayControl, "logDir" | "paths">): ProtectedPaths {
  const { configFile, dataDir, workdirs } = paths;
  const own = [...(configFile === undefined ? [] : [configFile]), dataDir, logDir];
  return { own: own.map((path) => resolve(path)), workdirs: resolve(workdirs) };
}
