import { ConfigError, type LoadedConfig } from "@claudeway/config";
import type { NodeRecord } from "@claudeway/ports";

const TITLES = ["NODE", "STATE", "VERSION", "RUNNING", "QUEUED", "PROCESSES", "JOINED", "ADDRESS"];

/** `claudeway nodes`: the nodes as the database has them, one a line. It asks no gateway, so it works without any. */
export async function nodesOf({ config: { cluster } }: LoadedConfig): Promise<string> {
  if (cluster === undefined) throw new ConfigError("nodes: [cluster] must be configured");
  const { readNodes } = await import("@claudeway/ledger-postgres");
  return tableOf(await readNodes(cluster.url));
}

function tableOf(nodes: readonly NodeRecord[]): string {
  const rows = [TITLES, ...nodes.map(cellsOf)];
  const widths = TITLES.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lineOf = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return rows.map((row) => `${lineOf(row)}\n`).join("");
}

function cellsOf({ node, state, version, running, queued, processes, joinedAt, url }: NodeRecord): string[] {
  return [node, state, version, String(running), String(queued), String(processes), joinedAt, url];
}
