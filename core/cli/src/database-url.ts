import type { LoadedConfig } from "@claudeway/config";

/** The URL of the ledger's database; undefined if the ledger is a file. A cluster may name it in its own section. */
export function databaseUrl({ cluster, ledger_url }: LoadedConfig["config"]): string | undefined {
  return cluster?.url ?? ledger_url;
}
