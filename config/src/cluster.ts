import { hostname } from "node:os";
import type { Config } from "@claudeway/schemas";
import { ConfigError } from "./errors.js";

type Section = NonNullable<Config["cluster"]>;

/** `[cluster]`, with its defaults filled in. */
export type ClusterSettings = Section & { readonly node: string; readonly url: string };

/** What a name of a node may not have in it. */
const NOT_IN_NAMES = /[^A-Za-z0-9._-]/g;
const MAX_NAME = 63;

/** Fills in the node's name. Throws a `ConfigError` where the rest of the configuration does not go with a cluster. */
export function settleCluster(
  section: Section | undefined,
  { generated, ledgerUrl, where }: { generated: boolean; ledgerUrl: string | undefined; where: string },
): ClusterSettings | undefined {
  if (section === undefined) return undefined;
  if (generated)
    throw new ConfigError(
      `${where} needs keys: one that a node generates is unknown to the others; set keys, or WRAPPER_KEYS`,
    );
  const { url = ledgerUrl, node = ownName(), advertise } = section;
  if (url === undefined) throw new ConfigError(`${where}: url must be set, or ledger_url`);
  if (ledgerUrl !== undefined && ledgerUrl !== url)
    throw new ConfigError(`${where}: url and ledger_url must be the same database; set one of them`);
  return { ...section, url, node, advertise: advertise.replace(/\/$/, "") };
}

function ownName(): string {
  return (
    hostname()
      .replaceAll(NOT_IN_NAMES, "-")
      .replace(/^[._-]+/, "")
      .slice(0, MAX_NAME) || "node"
  );
}
