import type { Scope } from "@claudeway/core";
import type { ProtectedPaths } from "./rules/index.js";

/** Where the gateway keeps what is its own. Throws where it does not say so: without that, rules are an open door. */
export function gatewayPaths(control: Scope<"control">["control"]): ProtectedPaths {
  const { logDir } = control;
  const paths: unknown = "paths" in control ? control.paths : undefined;
  const configFile = textIn(paths, "configFile");
  const dataDir = textIn(paths, "dataDir");
  const workdirs = textIn(paths, "workdirs");
  if (dataDir === undefined || workdirs === undefined) {
    throw new Error(
      "this gateway does not say where its ledger and its workdirs are, so they can't be protected",
    );
  }
  return { own: [...(configFile === undefined ? [] : [configFile]), dataDir, logDir], workdirs };
}

function textIn(paths: unknown, name: string): string | undefined {
  const value: unknown = typeof paths === "object" && paths !== null ? Reflect.get(paths, name) : undefined;
  return typeof value === "string" ? value : undefined;
}
