import { resolve } from "node:path";
import type { GatewayControl } from "@claudeway/core";
import type { ProtectedPaths } from "./rules/index.js";

/** Where the gateway keeps what is its own. Throws where it does not say so: without that, rules are an open door. */
export function gatewayPaths(control: Pick<GatewayControl, "logDir">): ProtectedPaths {
  const paths: unknown = "paths" in control ? control.paths : undefined;
  const dataDir = pathIn(paths, "dataDir");
  const workdirs = pathIn(paths, "workdirs");
  if (dataDir === undefined || workdirs === undefined) {
    throw new Error(
      "this gateway does not say where its ledger and its workdirs are, so they can't be protected",
    );
  }
  const configFile = pathIn(paths, "configFile");
  return {
    own: [...(configFile === undefined ? [] : [configFile]), dataDir, resolve(control.logDir)],
    workdirs,
  };
}

function pathIn(paths: unknown, name: string): string | undefined {
  const value: unknown = typeof paths === "object" && paths !== null ? Reflect.get(paths, name) : undefined;
  return typeof value === "string" ? resolve(value) : undefined;
}
